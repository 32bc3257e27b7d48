"""A browser's side of the account page, without a browser: cookies, tokens, raw requests."""

import http.client
import json
import socket

from harness import HTTP, HTTPS, PASSWORD, USER, insecure_tls

PREFIX = "/account/api/"


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    def json(self):
        return json.loads(self.body)

    def result(self):
        value = self.json()
        if "error" in value:
            raise AssertionError(value["error"])
        return value["result"]

    def error(self):
        return self.json()["error"]["code"]

    def cookies(self):
        """name: (value, attributes in lower case)"""
        found = {}
        for line in self.headers.get_all("Set-Cookie", []):
            pair, *attributes = line.split("; ")
            name, value = pair.split("=", 1)
            found[name] = (value, [a.lower() for a in attributes])
        return found


class Browser:
    def __init__(self, server, tls=True, host=None, source="127.0.0.1"):
        self.server, self.tls, self.host, self.source = server, tls, host, source
        self.cookies, self.csrf = {}, None

    def request(self, method, path, body=None, headers=None):
        port = self.server.port(HTTPS if self.tls else HTTP)
        if self.tls:
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=insecure_tls(),
                                                     source_address=(self.source, 0))
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(self.source, 0))
        fields = {"Host": self.host or f"localhost:{port}"}
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        fields.update(headers or {})
        connection.request(method, path, body, fields)
        response = connection.getresponse()
        answer = Answer(response, response.read())
        connection.close()
        for name, (value, _) in answer.cookies().items():
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def call(self, function, *params, headers=None, csrf=True, body=None):
        fields = {"Content-Type": "application/json"}
        if csrf and self.csrf:
            fields["x-godwit-csrf"] = self.csrf
        fields.update(headers or {})
        text = json.dumps({"params": list(params)}) if body is None else body
        return self.request("POST", PREFIX + function, text, fields)

    def login(self, user=USER, password=PASSWORD):
        token = self.call("LoginPrep").result()
        answer = self.call("Login", token, user, password)
        if "result" in answer.json():
            self.csrf = answer.result()
        return answer


def raw(server, octets, service=HTTP, pieces=1, source="127.0.0.1"):
    """Everything that the server says to these octets, until it closes."""
    with socket.create_connection(("127.0.0.1", server.port(service)), 60, (source, 0)) as plain:
        size = max(1, -(-len(octets) // pieces))
        for at in range(0, len(octets), size):
            plain.sendall(octets[at:at + size])
        plain.shutdown(socket.SHUT_WR)
        found = b""
        while True:
            try:
                piece = plain.recv(65536)
            except ConnectionResetError:
                return found
            if not piece:
                return found
            found += piece
