"""/docs in a browser: the schema as a page, from this server alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.end_to_end.page.double import CODES, Double

Open = Callable[..., Page]


def test_every_path_and_every_status_is_told(address: str, open_page: Open) -> None:
    page = open_page(address + "/docs")
    expect(page.get_by_role("heading", level=1)).to_have_text("polyhead API")
    names = [own.get_attribute("aria-label") for own in page.locator("section.operation").all()]
    assert names == ["GET /v1/model", "POST /v1/predict", "GET /v1/tree/{name}", "Schemas"]
    predict = page.get_by_role("region", name="POST /v1/predict")
    statuses = predict.get_by_role("rowheader").all_inner_texts()
    assert statuses == ["200", *map(str, CODES)]
    expect(predict.get_by_role("row", name="429")).to_contain_text("queue full")
    fields = predict.locator(".fields > li")
    assert [own.locator(".name").inner_text() for own in fields.all()[:5]] == [
        "texts",
        "tasks",
        "min_confidence",
        "top_k",
        "truncate",
    ]
    expect(fields.nth(0)).to_contain_text("array of (string or array of string) required; at least 1 item")
    expect(fields.nth(2)).to_contain_text("number at least 0; at most 1; default 0")
    expect(fields.nth(3)).to_contain_text("integer or null at least 1; at most 100")
    expect(fields.nth(5)).to_have_text("Other fields are refused.")
    expect(predict.locator("p code", has_text="predict --json")).to_be_visible()
    expect(page.get_by_role("region", name="GET /v1/tree/{name}").locator(".fields")).to_contain_text("deep")


def test_a_schema_that_holds_itself_is_shown_once(address: str, open_page: Open) -> None:
    page = open_page(address + "/docs")
    tree = page.locator("#schema-Tree")
    tree.get_by_role("link", name="Tree", exact=True).click()
    assert page.url.endswith("#schema-Tree")
    expect(tree).to_be_in_viewport()


def test_an_address_leads_to_its_path(address: str, open_page: Open) -> None:
    page = open_page(address + "/docs#schema-ErrorAccount")
    expect(page.locator("#schema-ErrorAccount")).to_be_in_viewport()
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="POST /v1/predict").click()
    expect(page.get_by_role("heading", name="POST /v1/predict")).to_be_in_viewport()
    assert page.url.endswith("#post-v1-predict")
    page.goto(address + "/docs#nothing-of-this-name")
    expect(page.locator("section.operation").first).to_be_visible()


def test_the_example_and_its_curl_line_are_what_the_server_takes(address: str, open_page: Open, double: Double) -> None:
    page = open_page(address + "/docs")
    predict = page.get_by_role("region", name="POST /v1/predict")
    predict.locator("summary:has-text('curl')").click()
    line = predict.get_by_role("group", name="curl").inner_text()
    said = subprocess.run(
        ["bash", "-c", f"curl() {{ printf '%s\\0' \"$@\"; }}; {line}"], capture_output=True, text=True, check=True
    ).stdout.split("\0")
    assert said[1] == f"{address}/v1/predict"
    assert json.loads(said[said.index("--data-binary") + 1]) == {"texts": ["John lives in Berlin."]}
    predict.locator("summary:has-text('Example')").first.click()
    expect(predict.get_by_role("group", name="Example").first).to_contain_text("John lives in Berlin.")


def test_hostile_schemas_are_only_text(address: str, open_page: Open) -> None:
    evil = "<img src=x onerror=alert(1)>"
    parameter = {"name": evil, "in": evil, "schema": {"enum": [evil]}}
    operation = {"summary": evil, "parameters": [parameter], "responses": {"200": {"description": evil}}}
    spec = {
        "info": {"title": evil, "version": evil, "description": f"{evil}\n\n`{evil}`"},
        "paths": {f"/{evil}": {"get": operation}},
        "components": {"schemas": {evil: {"properties": {evil: {"$ref": f"#/components/schemas/{evil}"}}}}},
    }
    page = open_page(address)
    page.route("**/openapi.json", lambda route: route.fulfill(json=spec))
    page.goto(address + "/docs")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{evil} API")
    assert page.locator("img").count() == 0
    page.locator(".schema .fields a").click()
    expect(page.locator(".schema")).to_be_in_viewport()


def test_a_schema_that_does_not_come_is_asked_for_again(address: str, open_page: Open) -> None:
    page = open_page(address)
    page.route("**/openapi.json", lambda route: route.fulfill(status=200, body="no JSON"))
    page.goto(address + "/docs")
    expect(page.get_by_role("alert")).to_contain_text("is not a polyhead server")
    page.unroute("**/openapi.json")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("section.operation").first).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()
