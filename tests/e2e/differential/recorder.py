"""Python's http.server, which prints what it reads: a line of JSON for every request, and null at
the end of a connection. The form is that of hyper's records, in hyper.rs."""

import http.client
import http.server
import json

# The gateway's limit is the one that counts.
http.client._MAXHEADERS = 1000


def fields(message):
    listed = [[name.lower(), value.strip(" \t")] for name, value in message.items()]
    return sorted(listed, key=lambda field: field[0])


def tell(value):
    print(json.dumps(value), flush=True)


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __getattr__(self, name):
        """Every method there is: http.server looks for do_GET, do_POST and so on."""
        if name.startswith("do_"):
            return self.record
        raise AttributeError(name)

    def handle(self):
        try:
            super().handle()
        finally:
            tell(None)

    def record(self):
        try:
            content, trailers, whole = *self.body(), True
        except (EOFError, ValueError):
            content, trailers, whole = b"", [], False
            self.close_connection = True
        tell(
            {
                "method": self.command,
                # As it came; `path` loses all but one of the slashes in front.
                "target": self.requestline.split(" ")[1],
                "fields": fields(self.headers),
                "content": content.decode("latin-1"),
                "trailers": trailers,
                "whole": whole,
            }
        )
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.chunks()
        return self.exactly(int(self.headers.get("Content-Length", 0))), []

    def chunks(self):
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise ValueError("a chunk is longer than it says")
        return content, fields(http.client.parse_headers(self.rfile))

    def exactly(self, count):
        read = self.rfile.read(count)
        if len(read) < count:
            raise EOFError
        return read

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Recorder)
tell("%s:%d" % server.server_address)
server.serve_forever()
