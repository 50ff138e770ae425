"""What a contact is to be made of, or changed to, as programs say it; checked, and in the words of documents."""

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agi_router.routing.printable import one_line
from ari_app.domain.contacts import ContactFields
from ari_app.domain.phone_book import LONGEST_PHONE, LONGEST_TEXT

_NAMES: Final = {
    "name": "name",
    "first_name": "firstname",
    "last_name": "lastname",
    "phone": "phone",
    "mobile": "mobile",
    "email": "email",
    "company": "company_name",
    "job_title": "job_title",
    "owner": "owner_id",
}
"""The variables of documents by the names of the API."""


Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(one_line)]
Phone = Annotated[
    str, Field(max_length=LONGEST_PHONE, pattern=r"^(?:\+?[0-9(][0-9 ()./-]*)?$"), AfterValidator(one_line)
]


class ContactChange(BaseModel):
    """What of a contact is to be other than it is; what is not given, or "", stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text = Field("", description="the whole name; or first_name and last_name", examples=["Ben Miller"])
    first_name: Text = ""
    last_name: Text = ""
    phone: Phone = Field("", examples=["+14155550177"])
    mobile: Phone = ""
    email: Text = Field("", examples=["ben@example.com"])
    company: Text = Field("", description="the name of the organization", examples=["Miller Ltd"])
    job_title: Text = ""
    owner: Text = Field("", description="the CRM's id of the user who looks after the contact", examples=["77"])

    @property
    def fields(self) -> ContactFields:
        """What is given, by the names of variables. A name and its parts are made of each other."""
        given = {variable: getattr(self, name) for name, variable in _NAMES.items() if getattr(self, name)}
        if "name" in given and not {"firstname", "lastname"} & given.keys():
            first, _, last = given["name"].rpartition(" ")
            given |= {"firstname": first, "lastname": last}
        elif "name" not in given and {"firstname", "lastname"} <= given.keys():
            given["name"] = f"{given['firstname']} {given['lastname']}"
        return {name: text for name, text in given.items() if text}


class ContactForm(ContactChange):
    """A contact that is to be created."""

    connector: str = Field(min_length=1, max_length=64, description="a CRM of the configuration", examples=["hubspot"])

    @property
    def has_name(self) -> bool:
        """Whether there is something to call it."""
        return bool({"name", "firstname", "lastname", "company_name"} & self.fields.keys())
