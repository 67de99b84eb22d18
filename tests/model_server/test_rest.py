"""The protocol over REST, and the metrics."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from typing import Any

import httpx2
import pytest

PREDICT = "/v1/models/m:predict"


def predict(rest: httpx2.Client, inputs: Any, signature: str = "", path: str = PREDICT) -> Any:
    body = {"inputs": inputs, **({"signature_name": signature} if signature else {})}
    response = rest.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()["outputs"]


@pytest.mark.parametrize(
    "path", [PREDICT, "/v1/models/m/versions/1:predict", "/v1/models/m/labels/canary:predict"]
)
def test_the_only_input_and_output_need_no_name(rest: httpx2.Client, path: str) -> None:
    assert predict(rest, {"x": [1, 2.0, 5]}, path=path) == [2.5, 3, 4.5]
    assert predict(rest, [[1], [2]], path=path) == [[2.5], [3]]


def test_several_outputs_have_names(rest: httpx2.Client) -> None:
    assert predict(rest, {"x": 1, "n": 3}, "both") == {"y": 2.5, "n_plus_one": 4}


def test_bytes_are_base64(rest: httpx2.Client) -> None:
    sent = {"b64": base64.b64encode(b"\xff\x00").decode()}
    answer = predict(rest, {"text": [[sent, "plain"]]}, "echo")
    assert answer["text"] == [[sent, "plain"]]
    assert answer["as_bytes"] == [[sent, {"b64": base64.b64encode(b"plain").decode()}]]
    assert predict(rest, sent, "echo")["text"] == sent
    assert predict(rest, [], "echo")["text"] == []


def test_numbers_that_are_not_finite_pass(rest: httpx2.Client) -> None:
    response = rest.post(PREDICT, content='{"inputs": [NaN, Infinity]}')
    not_a_number, infinity = response.json()["outputs"]
    assert math.isnan(not_a_number)
    assert infinity == math.inf


@pytest.mark.parametrize(
    ("instances", "signature", "predictions"),
    [
        ([1.0, 2.0, 5.0], "", [2.5, 3.0, 4.5]),
        ([{"x": 1}, {"x": 5}], "", [2.5, 4.5]),
        ([[1, 2], [3, 4]], "", [[2.5, 3.0], [3.5, 4.0]]),
        (
            [{"x": 1, "n": [3]}, {"x": 5, "n": [4]}],
            "pairs",
            [{"y": 2.5, "n_plus_one": [4]}, {"y": 4.5, "n_plus_one": [5]}],
        ),
        (
            [{"b64": "/wA="}, "plain"],
            "echo",
            [
                {"text": {"b64": "/wA="}, "as_bytes": {"b64": "/wA="}},
                {"text": "plain", "as_bytes": {"b64": "cGxhaW4="}},
            ],
        ),
    ],
)
def test_rows_are_answered_row_by_row(
    rest: httpx2.Client, instances: list[Any], signature: str, predictions: list[Any]
) -> None:
    body = {"signature_name": signature, "instances": instances}
    response = rest.post(PREDICT, json=body)
    assert response.status_code == 200, response.text
    assert response.json() == {"predictions": predictions}


def test_gzip_is_read_and_written(rest: httpx2.Client) -> None:
    body = gzip.compress(json.dumps({"instances": [[1.0] * 1000]}).encode())
    headers = {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    response = rest.post(PREDICT, content=body, headers=headers)
    assert response.headers["content-encoding"] == "gzip"
    assert response.json() == {"predictions": [[2.5] * 1000]}
    refused = rest.post(PREDICT, content=body[:40], headers=headers)
    assert refused.status_code == 400
    assert "Failed to uncompress" in refused.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/models/other:predict", {"inputs": [1]}, 404, "Servable not found for request"),
        ("/v1/models/m/versions/7:predict", {"inputs": [1]}, 404, "Specific(m, 7)"),
        ("/v1/models/m/labels/no:predict", {"inputs": [1]}, 400, "Unrecognized servable version"),
        (PREDICT, {"inputs": [1], "signature_name": "no"}, 400, '"no" not found'),
        (PREDICT, {"inputs": [1], "signature_name": 1}, 400, "must be a string value"),
        (PREDICT, {}, 400, "Missing 'inputs' or 'instances' key"),
        (PREDICT, {"instances": [1], "inputs": [1]}, 400, "only one of 'inputs' or 'instances'"),
        (PREDICT, {"instances": 1}, 400, "'instances' to be an list/array"),
        (PREDICT, {"instances": []}, 400, "No values in 'instances' array"),
        (PREDICT, {"instances": ["one"]}, 400, "not of expected type: float32"),
        (PREDICT, {"instances": [{"x": [1]}, {"x": [1, 2]}]}, 400, "not of expected type"),
        (PREDICT, {"instances": [{"z": 1}]}, 400, "does not have named input: z"),
        (PREDICT, {"instances": [{"x": 1}, 2]}, 400, "Expecting object but got list at item 1"),
        (PREDICT, {"instances": [1], "signature_name": "both"}, 400, "expecting list of objects"),
        (
            PREDICT,
            {"instances": [{"x": 1}], "signature_name": "both"},
            400,
            "keys must be equal to: n,x",
        ),
        (
            PREDICT,
            {"instances": [{"n": 1, "begun": 1}], "signature_name": "count"},
            400,
            "does not have named input: begun",
        ),
        (
            PREDICT,
            {"instances": [{"x": 1}, {"x": 2}], "signature_name": "sum"},
            400,
            "Tensor name: total has no shape information",
        ),
        (PREDICT, {"inputs": {"z": 1}}, 400, "Unknown named input: z"),
        (PREDICT, {"inputs": {}}, 400, "Missing named input: x"),
        (PREDICT, {"inputs": ["one"]}, 400, "not of expected type: float32"),
        (PREDICT, {"inputs": [[1], [1, 2]]}, 400, "not of expected type: float32"),
        (PREDICT, {"inputs": {"n": 1.5}, "signature_name": "count"}, 400, "type: int32"),
        (PREDICT, {"inputs": {"n": 2**40}, "signature_name": "count"}, 400, "out of range"),
        (
            PREDICT,
            {"inputs": [["a"], "b"], "signature_name": "echo"},
            400,
            "lists differ in length",
        ),
        (PREDICT, {"inputs": {"b64": "?"}, "signature_name": "echo"}, 400, "b64 cannot be"),
        (PREDICT, {"inputs": [1], "signature_name": "both"}, 400, "must be an object"),
        (PREDICT, [], 400, "must be an object"),
        (
            "/v1/models/m:classify",
            {"examples": [{"x": 1}]},
            400,
            "method_name to be tensorflow/serving/classify. Was: tensorflow/serving/predict",
        ),
        ("/v1/models/m:regress", {}, 400, "Expected regression signature method_name to be"),
        ("/v1/models/m:regress", {"signature_name": "no"}, 400, "No signature was found with"),
        (
            "/v1/models/m:regress",
            {"signature_name": "regress"},
            501,
            "this development server does not support regress; call Predict",
        ),
        ("/v1/models/m:explain", {}, 400, "Malformed request: POST /v1/models/m:explain"),
    ],
)
def test_refusals(rest: httpx2.Client, path: str, body: Any, status: int, words: str) -> None:
    response = rest.post(path, json=body)
    assert (response.status_code, list(response.json())) == (status, ["error"])
    assert words in response.json()["error"]


def test_a_body_that_is_no_json_is_refused(rest: httpx2.Client) -> None:
    response = rest.post(PREDICT, content=b"{")
    assert response.status_code == 400
    assert "JSON Parse error" in response.json()["error"]


def test_status(rest: httpx2.Client) -> None:
    one = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    found = rest.get("/v1/models/m").json()["model_version_status"]
    assert [entry["version"] for entry in found] == ["2", "1"]
    assert rest.get("/v1/models/m/versions/1").json() == {"model_version_status": [one]}
    missing = rest.get("/v1/models/other")
    assert missing.status_code == 404
    assert missing.json() == {"error": "Could not find any versions of model other"}


def test_metadata(rest: httpx2.Client) -> None:
    answer = rest.get("/v1/models/m/labels/stable/metadata").json()
    assert answer["model_spec"] == {"name": "m", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "name": "x:0",
        "tensor_shape": {"dim": [], "unknown_rank": True},
    }


def test_metrics_count_and_time_calls(rest: httpx2.Client) -> None:
    predict(rest, [1])
    rest.post(PREDICT, json={"inputs": ["one"]})
    page = rest.get("/monitoring/prometheus/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    values = dict(line.rsplit(" ", 1) for line in page.text.splitlines() if line[0] != "#")
    counts = ':tensorflow:serving:request_count{model_name="m",status='
    assert float(values[counts + '"OK"}']) >= 1
    assert float(values[counts + '"INVALID_ARGUMENT"}']) >= 1
    latency = ":tensorflow:serving:request_latency"
    rest_only = 'API="predict",entrypoint="REST",'
    count = float(values[f'{latency}_count{{{rest_only}model_name="m"}}'])
    bucket = f"{latency}_bucket{{{rest_only}"
    buckets = [float(value) for name, value in values.items() if name.startswith(bucket)]
    assert buckets == sorted(buckets)
    assert buckets[-1] == count >= 1
    assert float(values[f'{bucket}le="+Inf",model_name="m"}}']) == count
    assert float(values[f'{latency}_sum{{{rest_only}model_name="m"}}']) > 0


def test_metrics_have_the_names_and_types_of_tensorflow_serving(rest: httpx2.Client) -> None:
    predict(rest, [1])
    lines = rest.get("/monitoring/prometheus/metrics").text.splitlines()
    assert [line for line in lines if line.startswith("# TYPE")] == [
        "# TYPE :tensorflow:serving:request_count counter",
        "# TYPE :tensorflow:serving:request_latency histogram",
        "# TYPE :tensorflow:serving:runtime_latency histogram",
    ]
    assert {re.split("[{ ]", line)[0] for line in lines if line[0] != "#"} == {
        ":tensorflow:serving:request_count",
        *(
            f":tensorflow:serving:{latency}_{suffix}"
            for latency in ("request_latency", "runtime_latency")
            for suffix in ("bucket", "count", "sum")
        ),
    }
