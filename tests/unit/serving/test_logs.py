import json
import logging

import pytest

from polyhead.serving.logs import Log


def caught(error):
    """Return an error that has passed a place."""
    with pytest.raises(type(error)) as found:
        raise error
    return found.value


def test_a_line_is_json():
    lines = []
    Log(lines.append).event("something", level="warning", path="/\n\ud800\u2028")
    (line,) = lines
    assert line.count("\n") == 1
    line.encode("ascii")
    about = json.loads(line)
    assert (about["event"], about["level"], about["path"]) == ("something", "warning", "/\n\ud800\u2028")
    assert about["time"].endswith("+00:00")


def test_a_log_that_cannot_be_written_to_stops_nothing():
    def full(line):
        raise OSError(28, "No space left on device")

    Log(full).event("something")


def test_what_libraries_say_comes_as_json_and_without_the_words_of_errors():
    lines = []
    before = {
        name: (logging.getLogger(name).handlers, logging.getLogger(name).level) for name in ("uvicorn", "asyncio")
    }
    try:
        Log(lines.append).take_over()
        error = caught(ValueError("a secret"))
        logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
        logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <%r>", error)
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    finally:
        for name, (handlers, level) in before.items():
            logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, True
            logging.getLogger(name).setLevel(level)
    first, second = map(json.loads, lines)
    assert (first["message"], first["error"], first["level"]) == (
        "Exception in ASGI application",
        "ValueError",
        "error",
    )
    assert "test_logs.py" in first["where"][0]
    assert second["message"] == "Task exception was never retrieved"
    assert "secret" not in "".join(lines)


def test_a_fault_says_where_and_not_what():
    lines = []
    Log(lines.append).fault(caught(RuntimeError("a secret")), id="x")
    about = json.loads(lines[0])
    assert (about["event"], about["error"], about["id"]) == ("fault", "RuntimeError", "x")
    assert "secret" not in lines[0]
