"""Templates: a closed list of names, each value encoded for its place, and no way out of that place."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_router.routing.call_info import CallInfo
from agi_router.routing.needs import Needs
from agi_router.routing.template import Template, as_is, call_values, in_header, in_path, in_query, needs
from agi_router.routing.url_template import UrlTemplate

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
anything = st.text(max_size=40)


def info(**changes: object) -> CallInfo:
    given_: dict[str, object] = {"call_id": "c-1", "route_name": "sales", "caller_number": "(202) 555-0123", "at": NOW}
    return CallInfo(**(given_ | changes))  # type: ignore[arg-type]


def rendered(text: str, call: CallInfo) -> str:
    return Template.parse(text).render(call_values(call, "US"), as_is)


def test_every_variable_has_its_value() -> None:
    call = info(
        caller_name="Ada",
        called_number="+14155550100",
        previous_step="user:456",
        headers={"X-Foo": "bar"},
        variables={"LANG": "en"},
    )
    text = (
        "{{callerNumber}} {{callerNumberNational}} {{callerNumberDigits}} {{callerName}} {{calledNumber}} "
        "{{previousStep}} {{callId}} {{routeName}} {{now}} {{header.X-Foo}} {{ var.LANG }}"
    )
    assert rendered(text, call) == (
        "+12025550123 2025550123 12025550123 Ada +14155550100 user:456 c-1 sales 2026-03-04T05:06:07Z bar en"
    )


@pytest.mark.parametrize("caller", ["101", "alice", ""])
def test_a_caller_who_is_no_number_is_told_as_he_is(caller: str) -> None:
    text = "{{callerNumber}}|{{callerNumberNational}}|{{callerNumberDigits}}"
    assert rendered(text, info(caller_number=caller)) == "|".join([caller] * 3)


def test_a_withheld_number_and_name_are_not_told() -> None:
    call = info(caller_name="Ada", caller_withheld=True)
    assert rendered("<{{callerNumber}}{{callerNumberDigits}}{{callerNumberNational}}{{callerName}}>", call) == "<>"


def test_a_header_that_the_call_does_not_have_is_empty() -> None:
    assert rendered("<{{header.X-None}}{{var.NONE}}>", info()) == "<>"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match='did you mean "callerNumber"'):
        Template.parse("{{callerNumbr}}")


@pytest.mark.parametrize(
    "text",
    ["{{}}", "{{callerNumber", "{{ {{callId}}", "{{header.}}", "{{header.X Y}}", "{{var.SHELL(id)}}", "{{var.1}}"],
)
def test_what_is_no_name_of_the_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\{\{"):
        Template.parse(text)


def test_single_braces_are_ordinary_text() -> None:
    assert rendered('{"a": {"b": "{{callId}}"}}', info()) == '{"a": {"b": "c-1"}}'


def test_needs_are_the_headers_and_variables_that_are_named() -> None:
    names = Template.parse("{{header.X-Foo}}{{var.LANG}}{{callId}}").variables
    assert needs(names) == Needs(frozenset({"X-Foo"}), frozenset({"LANG"}))


def test_the_previous_step_is_what_the_dialplan_set() -> None:
    template = Template.parse("{{previousStep}}")
    assert needs(template.variables) == Needs(variables=frozenset({"AGI_ROUTER_PREVIOUS_STEP"}))
    told = CallInfo(call_id="c", route_name="r", variables={"AGI_ROUTER_PREVIOUS_STEP": "ivr:2"})
    assert template.render(call_values(told, "US"), as_is) == "ivr:2"


def test_a_plus_leaves_as_percent_2b_and_the_operators_own_characters_stay() -> None:
    url = UrlTemplate.parse("https://api.example.com:8443/v1/a%2Fb/~x?order=desc&q=a+b%20c,d&n={{callerNumber}}")
    assert url.render(call_values(info(), "US")) == (
        "https://api.example.com:8443/v1/a%2Fb/~x?order=desc&q=a+b%20c,d&n=%2B12025550123"
    )


def test_what_cannot_stand_in_a_request_line_is_encoded() -> None:
    url = UrlTemplate.parse("https://api.example.com/Grüße an?a=b c")
    assert url.render({}) == "https://api.example.com/Gr%C3%BC%C3%9Fe%20an?a=b%20c"


def test_fields_join_the_query_that_is_there() -> None:
    assert UrlTemplate.parse("http://h").render({}, [("a", "1&2")]) == "http://h/?a=1%262"
    assert UrlTemplate.parse("http://h/p?x=1").render({}, [("a", "é")]) == "http://h/p?x=1&a=%C3%A9"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("{{callerNumber}}://example.com/", "scheme, host or port"),
        ("https://{{callerName}}.example.com/", "scheme, host or port"),
        ("https://example.com:{{callId}}/", "scheme, host or port"),
        ("https://{{callId}}@example.com/", "scheme, host or port"),
        ("https://example.com{{callId}}", "scheme, host or port"),
        ("https://user:pw@example.com/", "use auth"),
        ("ftp://example.com/", "http"),
        ("example.com/x", "http"),
        ("https:///x", "no host"),
        ("https://example.com:port/", "port"),
        ("https://example.com:99999/", "port"),
        ("https://exa mple.com/", "characters"),
        ("https://bücher.example/", "xn--"),
        ("https://[::1/", "cannot be"),
        ("https://a..b/", "cannot be"),
        (f"https://{'a' * 64}.example/", "cannot be"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com/?a={{callerNo}}", "callerNo"),
        ("", "http"),
    ],
)
def test_a_url_that_must_not_be_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError) as raised:
        UrlTemplate.parse(url)
    assert said in str(raised.value)


def test_an_error_about_the_password_in_a_url_does_not_tell_it() -> None:
    with pytest.raises(ValueError) as raised:
        UrlTemplate.parse("https://user:s3same@example.com/")
    assert "s3same" not in str(raised.value)


@given(anything)
def test_a_value_cannot_leave_its_path_segment(value: str) -> None:
    url = UrlTemplate.parse("https://example.com/users/{{callerName}}/calls").render(
        call_values(info(caller_name=value), "US")
    )
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "example.com", "", "")
    segments = parts.path.split("/")
    assert [segments[1], segments[3:]] == ["users", ["calls"]]
    assert unquote(segments[2]) not in {".", ".."}
    assert url.isascii()


@given(anything)
def test_a_value_cannot_leave_its_query_field(value: str) -> None:
    url = UrlTemplate.parse("https://example.com/x?a={{callerName}}&b=1").render(
        call_values(info(caller_name=value), "US"), [("c", value), (value or "d", "2")]
    )
    parts = urlsplit(url)
    assert (parts.netloc, parts.path, parts.fragment) == ("example.com", "/x", "")
    known = value.encode("utf-8", "replace").decode()
    fields = parse_qsl(parts.query, keep_blank_values=True)
    assert fields[:3] == [("a", known), ("b", "1"), ("c", known)]
    assert len(fields) == 4


@given(anything)
def test_a_value_cannot_end_its_header(value: str) -> None:
    header = in_header(value)
    assert header.isascii()
    assert all(" " <= character <= "~" for character in header)


@given(anything)
def test_encoding_loses_nothing_but_dots(value: str) -> None:
    clean = value.encode("utf-8", "replace").decode()
    assert unquote(in_query(clean)) == clean
    assert unquote(in_path(clean)) == ("" if not clean.strip(".") else clean)


@given(st.text(alphabet="{}callerNumber. aid", max_size=30))
def test_any_text_is_a_template_or_a_clear_error(text: str) -> None:
    try:
        template = Template.parse(text)
    except ValueError as error:
        assert str(error)
    else:
        assert "{{" not in template.render(call_values(info(), "US"), as_is)


def test_a_secret_span_is_sent_as_it_is_and_hidden_on_demand() -> None:
    template = Template.parse("a s{{e {{callId}}", secret=[(2, 6)])
    assert template.render({"callId": "c-1"}, as_is) == "a s{{e c-1"
    assert template.hiding("***").render({"callId": "c-1"}, as_is) == "a *** c-1"
    assert "s{{e" not in repr(template)
