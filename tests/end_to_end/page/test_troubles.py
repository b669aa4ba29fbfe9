"""What goes wrong is said in words, where a screen reader hears it, and nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.page.conftest import running
from tests.end_to_end.page.double import Double, make_app

Open = Callable[..., Page]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (408, "The text reached the server too slowly"),
        (413, "the server takes at most 4 KiB"),
        (422, "The server refuses “texts[0]”: chosen by the text: ERR:422"),
        (429, "The server is busy. Try again in 1 second."),
        (500, "Something went wrong inside the server"),
        (503, "The server is shutting down"),
        (504, "The server did not get to it in time (10 s)"),
        (418, "The server refused, with status 418: chosen by the text: ERR:418"),
    ],
)
def test_a_refusal_is_put_into_words(address: str, open_page: Open, double: Double, status: int, said: str) -> None:
    page = open_page(address)
    text = f"ERR:{status}x50 John"
    page.fill("#text", text)
    page.keyboard.press("Control+Enter")
    if status in {422, 418}:
        said += "x50"
    expect(page.get_by_role("alert")).to_contain_text(said)
    expect(page.get_by_role("alert")).to_contain_text("Request 7d1c0f")
    assert page.input_value("#text") == text
    double.refused[text] = 50
    page.get_by_role("button", name="Try again").click()
    expect(page.locator('.answer[aria-label="slots"] .marked mark')).to_have_count(1)
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_server_that_is_gone_is_said_to_be(open_page: Open, double: Double) -> None:
    with ExitStack() as stack:
        page = open_page(stack.enter_context(running(make_app(double))))
        expect(page.get_by_role("heading", name="hotels")).to_be_visible()
    page.fill("#text", "John")
    page.click("#predict")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer. Is it still running")
    assert page.input_value("#text") == "John"


def test_a_key_is_asked_for_and_kept_nowhere(serve: Callable[[Double], str], open_page: Open, double: Double) -> None:
    double.key = "right key"
    page = open_page(serve(double))
    expect(page.get_by_role("alert")).to_contain_text("This server asks for a key")
    field = page.get_by_label("Key of this server")
    expect(field).to_be_focused()
    field.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("did not accept this key")
    field.fill("right key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="hotels")).to_be_visible()
    expect(field).to_be_hidden()
    assert field.input_value() == ""
    page.fill("#text", "John")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".answer")
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, document.body.outerHTML])"
    assert "right key" not in page.evaluate(kept)
    page.reload()
    expect(field).to_be_visible()


def test_a_key_that_is_taken_back_is_asked_for_again(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    double.key = "right key"
    page.fill("#text", "John")
    page.click("#predict")
    page.get_by_label("Key of this server").fill("right key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_empty()
    page.click("#predict")
    page.wait_for_selector(".answer")


def test_a_server_that_loads_is_waited_for(serve: Callable[[Double], str], open_page: Open, double: Double) -> None:
    double.ready = False
    page = open_page(serve(double))
    expect(page.get_by_role("alert")).to_contain_text("The server is still loading its model. Try again in 1 second.")
    double.ready = True
    expect(page.get_by_role("heading", name="hotels")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()


def test_what_is_no_server_of_ours_is_said_to_be_none(address: str, open_page: Open) -> None:
    page = open_page(address)
    page.route("**/v1/predict", lambda route: route.fulfill(status=502, body="<html>Bad gateway</html>"))
    page.fill("#text", "John")
    page.click("#predict")
    expect(page.get_by_role("alert")).to_contain_text("What answered (status 502) is not a polyhead server")
    page.unroute("**/v1/predict")
    page.route("**/v1/predict", lambda route: route.fulfill(json={"results": [], "milliseconds": 1}))
    page.click("#predict")
    expect(page.get_by_role("alert")).to_contain_text("What answered (status 200)")


def test_nothing_to_ask_is_no_request(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address)
    page.click("#predict")
    expect(page.get_by_role("alert")).to_contain_text("There is no text yet")
    page.check("#many")
    page.fill("#text", "\n \n")
    page.click("#predict")
    expect(page.get_by_role("alert")).to_contain_text("There is no line yet")
    assert double.bodies == []
