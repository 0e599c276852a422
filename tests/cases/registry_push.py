"""Images pushed to a registry on loopback, as its clients push them."""

from __future__ import annotations

import http.client
from typing import Any

from components.oci_layout import Layout

_THERE = 200


def push(port: int, name: str, layout: Layout) -> str:
    """Push as `crane` does: an upload begun, sent in chunks, ended, then the manifest.

    Returns the reference by which the image is run.
    """
    pushed, manifest = layout.image()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def asked(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        connection.request(method, path, body, headers, encode_chunked=not isinstance(body, bytes))
        answer = connection.getresponse()
        answer.read()
        return answer.status, str(answer.getheader("location"))

    def ask(method: str, path: str, body: Any = None, status: int = 201, **headers: str) -> str:
        answered, place = asked(method, path, body, **headers)
        assert answered == status, (method, path)
        return place

    for each in (*manifest["layers"], manifest["config"]):
        digest = each["digest"]
        if asked("HEAD", f"/v2/{name}/blobs/{digest}")[0] == _THERE:
            continue
        place = ask("POST", f"/v2/{name}/blobs/uploads/", status=202)
        data = layout.blob(digest)
        pieces = (data[at : at + 65_536] for at in range(0, len(data), 65_536))
        place = ask("PATCH", place, pieces, 202, **{"Transfer-Encoding": "chunked"})
        if each is manifest["config"]:
            ask("PUT", f"{place}?digest=sha256:{'0' * 64}", status=400)
            place = ask("POST", f"/v2/{name}/blobs/uploads/", status=202)
            ask("PATCH", place, data, 202)
        ask("PUT", f"{place}?digest={digest}")
    kind = {"Content-Type": manifest["mediaType"]}
    ask("PUT", f"/v2/{name}/manifests/v1", layout.blob(pushed), **kind)
    connection.close()
    return f"127.0.0.1:{port}/{name}@{pushed}"
