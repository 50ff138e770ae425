"""Command lines of curl around what the pages print, word for word.

No page prints a whole curl line. `printed` holds the words that a line is made of, exactly as their
source has them, misprints and line breaks included; `curl` is the line a reader makes of them, with the
page's own placeholders left in. `argv` fills these in.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from tests.clients.scenario import Basis

VOIPLINE_PAGE = "reference/voipline-api-and-webhooks.txt"
AMEYO_PAGE = "reference/ameyo-click-to-dial.txt"
AIRCALL_PAGE = "reference/aircall-ring-to-via-api.txt"
NOTES = "systems.md"


@dataclass(frozen=True)
class Printed:
    source: str
    words: str


@dataclass(frozen=True)
class CommandLine:
    name: str
    basis: Basis
    printed: tuple[Printed, ...]
    curl: str
    expects: str
    statuses: tuple[int, ...]
    # a regular expression for the whole body
    body: str

    def argv(self, values: Mapping[str, str]) -> list[str]:
        """Return the line's words with each placeholder's value; the longest placeholder goes first."""
        words = shlex.split(self.curl)
        for placeholder in sorted(values, key=len, reverse=True):
            words = [word.replace(placeholder, values[placeholder]) for word in words]
        return words


ROWS = r'(?s)\s*\{\s*"code"\s*:\s*200\s*,\s*"data"\s*:\s*\[.*\]\s*\}\s*'
PLACED = r'(?s)\s*\{.*"message"\s*:\s*\{\s*"status"\s*:\s*"success"\s*\}.*\}\s*'
EITHER = r'(?s)\s*\{\s*"(status"\s*:\s*"error"|result"\s*:\s*"(SUCCESS|FAILURE)")\s*,.*\}\s*'
# 401 and 403 may come with any body, a 200 only with the first family's
NOT_DIALLED = r'(?s)(?!\s*\{\s*"result").*'
ANY = r"(?s).*"
NONE = r""

# <base>, <key> and the other lower-case names in angle brackets are ours: VoIPline's text prints no address
VOIPLINE: tuple[CommandLine, ...] = (
    CommandLine(
        "fiftieth to eightieth call of a user",
        Basis.THIRD_PARTY,
        (
            Printed(VOIPLINE_PAGE, "setting 50 in the offset field and 30 in the limit"),
            Printed(NOTES, "`GET /api/integration/v1/get-user-calls`"),
            Printed(NOTES, "Header `token: <key>`"),
            Printed(NOTES, "`sort_by=newest_first|oldest_first`"),
        ),
        "curl -sS -H 'token: <key>' '<base>/api/integration/v1/get-user-calls"
        "?sort_by=newest_first&from_date=<from_date>&to_date=<to_date>&offset=50&limit=30'",
        "the rows 51 to 80 in the envelope; an empty list when there are fewer",
        (200,),
        ROWS,
    ),
    CommandLine(
        "fiftieth to eightieth call of a queue",
        Basis.THIRD_PARTY,
        (Printed(NOTES, "`get-queue-calls`"), Printed(NOTES, "`queues_names`")),
        "curl -sS -G -H 'token: <key>' '<base>/api/integration/v1/get-queue-calls'"
        " --data-urlencode 'queues_names=<queue>' -d offset=50 -d limit=30 -d sort_by=oldest_first",
        "as for users; rows with queue_name, callerid and status",
        (200,),
        ROWS,
    ),
    CommandLine(
        "calls of a ring group",
        Basis.THIRD_PARTY,
        (Printed(NOTES, "`get-ringgroup-calls`"), Printed(NOTES, "`ringgroups_names`")),
        "curl -sS -G -H 'token: <key>' '<base>/api/integration/v1/get-ringgroup-calls'"
        " --data-urlencode 'ringgroups_names=<ring_group>'",
        "at most 100 rows with ring_group_name, callerid and status",
        (200,),
        ROWS,
    ),
    CommandLine(
        "a request without the key",
        Basis.PAGE,
        (Printed(VOIPLINE_PAGE, "401 - Not authorised response will be sent"),),
        "curl -sS '<base>/api/integration/v1/get-user-calls'",
        "401",
        (401,),
        ANY,
    ),
    CommandLine(
        "a request with a wrong key",
        Basis.PAGE,
        (Printed(VOIPLINE_PAGE, "The system will compare if the API key matches and responds to the request."),),
        "curl -sS -H 'token: wrong' '<base>/api/integration/v1/get-user-calls'",
        "401",
        (401,),
        ANY,
    ),
    CommandLine(
        "a call to a number, JSON",
        Basis.THIRD_PARTY,
        (
            Printed(NOTES, "`POST /api/integration/v1/call-to-number`"),
            Printed(NOTES, "`user_number`, `number_to_call`, optional `caller_id`"),
        ),
        "curl -sS -H 'token: <key>' -H 'Content-Type: application/json'"
        ' -d \'{"user_number":"<user_number>","number_to_call":"<number_to_call>"}\''
        " '<base>/api/integration/v1/call-to-number'",
        "the user's phones ring, showing the destination; reply with message.status success",
        (200,),
        PLACED,
    ),
    CommandLine(
        "a call to a number, multipart",
        Basis.THIRD_PARTY,
        (Printed(NOTES, "JSON or multipart, both seen"),),
        "curl -sS -H 'token: <key>' -F 'user_number=<user_number>' -F 'number_to_call=<number_to_call>'"
        " -F 'caller_id=<caller_id>' '<base>/api/integration/v1/call-to-number'",
        "as with JSON, and the destination sees caller_id",
        (200,),
        PLACED,
    ),
)

# section 5.4.1; the values come from Ameyo
HEADERS = (
    " -H 'Hash-key: <access_token>' -H 'Requesting-host: <requesting-host-API>'"
    " -H 'Policy-name: <token-based-authorization-policy>'"
)
HEADERS_PRINTED = tuple(
    Printed(AMEYO_PAGE, words)
    for words in (
        "Hash-key\t<access_token>",
        "Requesting-host\t<requesting-host-API>",
        "Policy-name\t<token-based-authorization-policy>",
    )
)
SECTION_3 = (
    "<Protocol>://<Domain_Name>:<Port_No>/ameyowebaccess/command/?command=clickToDialWithToken&data={API_Parameters}"
)
SECTION_5_3 = "<Protocol>://<Domain_Name>:<Port_Number>/ameyowebaccess/command"
SECTION_5_5_1 = """{
  "userId": "<User_Id_of_Agent>",
  "campaignId": "<Campaign_Id>",
  "phone": "<Phone_Number_of_Customer>",
  "additionalParams":
  {
    "CaseID": "<Case_Id>",
    "LeadID": "<Lead_Id>",
    "ContactID": "<Contact_Id>"
  }
}"""
# the page breaks this line three times, each time after two spaces, once inside a name
SECTION_5_6 = (
    "<protocol>://<IP_Domain_Name>:<port>/ameyowebaccess/command=clickTo  \n"
    'CallWithToken&data={"userId":"<User_Id>","campaignId":"<Campaign_Id  \n'
    '>","phone":"<Phone_Number_of_Customer>","additionalParams":{"Case  \n'
    'ID":"<Case_Id>","LeadID":"&Lead_Id>","ContactID":"&Contact_Id>"}}'
)
SECTION_5_6_JOINED = SECTION_5_6.replace("  \n", "")
SECTION_5_6_MENDED = SECTION_5_6_JOINED.replace("&Lead_Id>", "<Lead_Id>").replace("&Contact_Id>", "<Contact_Id>")

OUTCOME = "one of the six answers of 5.5.2, after as long as both parties ring"

AMEYO: tuple[CommandLine, ...] = (
    CommandLine(
        "section 3, GET, JSON bare in the URL",
        Basis.PAGE,
        (Printed(AMEYO_PAGE, SECTION_3), *HEADERS_PRINTED),
        f"curl -sS -g{HEADERS} '{SECTION_3}'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "section 3, POST, JSON bare in the URL",
        Basis.PAGE,
        (Printed(AMEYO_PAGE, SECTION_3), Printed(AMEYO_PAGE, "5.1 Method\n\nPOST"), *HEADERS_PRINTED),
        f"curl -sS -g -X POST{HEADERS} '{SECTION_3}'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "section 5.3 and 5.5.1, POST, command and data as form fields",
        Basis.PAGE,
        (Printed(AMEYO_PAGE, SECTION_5_3), Printed(AMEYO_PAGE, SECTION_5_5_1), *HEADERS_PRINTED),
        f"curl -sS{HEADERS} -d command=clickToDialWithToken --data-urlencode 'data={SECTION_5_5_1}' '{SECTION_5_3}'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "POST with and without the slash, form field data",
        Basis.THIRD_PARTY,
        (Printed(NOTES, "form field `data=<URL-encoded JSON>`"), *HEADERS_PRINTED),
        f"curl -sS{HEADERS} --data-urlencode 'data={SECTION_5_5_1}' '{SECTION_5_3}?command=clickToDialWithToken'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "POST, form field data with its JSON not encoded",
        Basis.INFERRED,
        (Printed(AMEYO_PAGE, SECTION_5_5_1), *HEADERS_PRINTED),
        f"curl -sS{HEADERS} -d 'data={SECTION_5_5_1}' '{SECTION_5_3}/?command=clickToDialWithToken'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "section 5.5.1 as JSON body",
        Basis.THIRD_PARTY,
        (Printed(AMEYO_PAGE, SECTION_5_5_1), Printed(NOTES, "also JSON body and GET"), *HEADERS_PRINTED),
        f"curl -sS{HEADERS} -H 'Content-Type: application/json' -d '{SECTION_5_5_1}'"
        f" '{SECTION_5_3}/?command=clickToDialWithToken'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "section 5.6, the sample without `?`, line breaks joined, `&` mended to `<`",
        Basis.PAGE,
        (Printed(AMEYO_PAGE, SECTION_5_6), *HEADERS_PRINTED),
        f"curl -sS -g{HEADERS} '{SECTION_5_6_MENDED}'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "section 5.6, the same by POST",
        Basis.PAGE,
        (Printed(AMEYO_PAGE, SECTION_5_6), Printed(AMEYO_PAGE, "5.1 Method\n\nPOST"), *HEADERS_PRINTED),
        f"curl -sS -g -X POST{HEADERS} '{SECTION_5_6_MENDED}'",
        OUTCOME,
        (200,),
        EITHER,
    ),
    CommandLine(
        "section 5.6, its misprinted `&Lead_Id>` sent as it stands",
        Basis.INFERRED,
        (Printed(AMEYO_PAGE, SECTION_5_6), *HEADERS_PRINTED),
        f"curl -sS -g{HEADERS} '{SECTION_5_6_JOINED}'",
        "an outcome if all after `data=` is data, else a refusal; never a server error",
        (200, 400, 404, 422),
        ANY,
    ),
    CommandLine(
        "a wrong key",
        Basis.INFERRED,
        (Printed(AMEYO_PAGE, SECTION_5_3),),
        "curl -sS -H 'Hash-key: wrong' -H 'Requesting-host: <requesting-host-API>'"
        " -H 'Policy-name: <token-based-authorization-policy>'"
        f" --data-urlencode 'data={SECTION_5_5_1}' '{SECTION_5_3}/?command=clickToDialWithToken'",
        "nobody's phone rings; 401, 403, or the first family's error",
        (200, 401, 403),
        NOT_DIALLED,
    ),
)

AIRCALL_HOST = "https://api.aircall.io"
AIRCALL_URL = f"{AIRCALL_HOST}/v1/calls/search?order=des&phone_number={{{{callerNumber}}}}"

AIRCALL: tuple[CommandLine, ...] = (
    CommandLine(
        "the guide's URL, the number's plus left bare",
        Basis.PAGE,
        (
            Printed(AIRCALL_PAGE, AIRCALL_URL),
            Printed(AIRCALL_PAGE, "set the API key ID as the username and the token as the password"),
            Printed(AIRCALL_PAGE, "calls[0].user.id"),
        ),
        f"curl -sS -g -u '<api_id>:<api_token>' '{AIRCALL_URL}'",
        "the newest call first; calls[0].user.id is the user who spoke with the caller last",
        (200,),
        r'(?s)\s*\{.*"calls"\s*:\s*\[.*\].*\}\s*',
    ),
    CommandLine(
        "the guide's search, the number encoded",
        Basis.PAGE,
        (Printed(AIRCALL_PAGE, AIRCALL_URL),),
        "curl -sS -G -u '<api_id>:<api_token>' 'https://api.aircall.io/v1/calls/search'"
        " -d order=des --data-urlencode 'phone_number={{callerNumber}}'",
        "the same",
        (200,),
        r'(?s)\s*\{.*"calls"\s*:\s*\[.*\].*\}\s*',
    ),
    CommandLine(
        "a wrong token",
        Basis.MEMORY,
        (Printed(AIRCALL_PAGE, AIRCALL_URL),),
        f"curl -sS -g -u '<api_id>:wrong' '{AIRCALL_URL}'",
        "401 or 403; the page shows neither",
        (401, 403),
        ANY,
    ),
    CommandLine(
        "a call from a number of the account",
        Basis.MEMORY,
        (),
        "curl -sS -u '<api_id>:<api_token>' -H 'Content-Type: application/json'"
        ' -d \'{"number_id":<number_id>,"to":"<to>"}\' \'https://api.aircall.io/v1/users/<user_id>/calls\'',
        "the user's phone rings; no content",
        (204,),
        NONE,
    ),
)

ALL = (*VOIPLINE, *AMEYO, *AIRCALL)
