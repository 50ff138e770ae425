"""The language of CRM documents: what a CRM's API is asked, and how its answers are read. Does nothing by itself.

    document = find("hubspot", folder)                       # ConfigError holds all mistakes at once
    hook = document.hooks[HookName.FIND_CONTACT]
    for step in hook.steps:
        question = Question(document=document, hook=step, properties=properties, values=values)
        rendered = render(question)                          # somebody sends its url, headers and body
        read = read_answer(question, Answered(...))          # Records, with the next page; or Unread

See docs/crm-documents.md for the language itself.
"""

from ari_app.crm.document.answer import Records, read_answer
from ari_app.crm.document.credentials import OAuth2Login, oauth2_login
from ari_app.crm.document.file_body import FileBody
from ari_app.crm.document.model import Document, Flow, Hook, OAuth2Texts, Property, PropertyType
from ari_app.crm.document.next_page import Answered
from ari_app.crm.document.reading import find, read, shipped, shipped_names
from ari_app.crm.document.refusals import Unread
from ari_app.crm.document.request import FIRST_PAGE, Page, Question, Rendered, base_url, render, with_defaults

__all__ = [
    "FIRST_PAGE",
    "Answered",
    "Document",
    "FileBody",
    "Flow",
    "Hook",
    "OAuth2Login",
    "OAuth2Texts",
    "Page",
    "Property",
    "PropertyType",
    "Question",
    "Records",
    "Rendered",
    "Unread",
    "base_url",
    "find",
    "oauth2_login",
    "read",
    "read_answer",
    "render",
    "shipped",
    "shipped_names",
    "with_defaults",
]
