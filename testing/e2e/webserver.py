# SPDX-License-Identifier: GPL-2.0
"""An HTTP(S) server on loopback with scripted answers, and certificates for it."""
import http.server
import pathlib
import socket
import socketserver
import ssl
import threading

from netlab import sh


class Answer:
    """What a path answers: a status, headers, and bytes. The bytes may come from a generator, piece
    by piece, without a length."""

    def __init__(self, body=b"", status=200, **headers):
        self.body = body.encode() if isinstance(body, str) else body
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self):
        web = self.server.web
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        path = self.path.partition("?")[0]
        web.requests.append(self)
        answer = web.answers.get(path, Answer("nothing here", 404))
        if callable(answer):
            answer = answer(self)
        if answer is None:  # It has answered itself.
            self.close_connection = True
            return
        try:
            self._send(answer)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def _send(self, answer):
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            if "Content-Length" not in answer.headers and answer.status != 304:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in answer.body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = _answer


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is part of many tests."""


class Web:
    """`answers` is {path: Answer, or a function of the handler that returns one, or that answers
    itself and returns None}. `requests` are the handlers of all requests so far. With a
    (certificate, key), it speaks TLS; with `client_ca`, it wants a certificate from the client."""

    def __init__(self, port=0, tls=None, client_ca=None, **answers):
        self.answers, self.requests = {f"/{name}": one for name, one in answers.items()}, []
        self._tls = tls
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.web = self
        self.port = self._server.server_address[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, tls))
            if client_ca:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(str(client_ca))
            # The handshake belongs to the thread of the connection, not to the one that accepts.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,),
                                        daemon=True)
        self._thread.start()

    def url(self, path, host="127.0.0.1"):
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Raw:
    """A server that hands each connection, after the first bytes of a request, to a function of the
    connection, and then closes it. The function ends when `stop` is set or the client is gone."""

    def __init__(self, serve, request=True):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.stop = threading.Event()
        self._serve, self._request = serve, request
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with connection:
            try:
                if self._request:
                    connection.recv(65536)
                self._serve(connection)
            except OSError:
                pass

    def url(self, path, scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def close(self):
        self.stop.set()
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Authority:
    """A certificate authority in a folder. openssl must be installed."""

    def __init__(self, folder, name="test authority"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self._key = self.folder / "ca.pem", self.folder / "ca.key"
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-days", "2", "-subj", f"/CN={name}", "-out", self.certificate,
           "-keyout", self._key, "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, alternatives="DNS:localhost,IP:127.0.0.1", days=1):
        """(certificate, key) of this common name; expired if days is below 0."""
        certificate, key, request, extensions = (self.folder / f"{name}.{end}" for end in
                                                 ("pem", "key", "csr", "ext"))
        extensions.write_text(f"subjectAltName={alternatives}\n")
        sh("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-subj", f"/CN={name}", "-out", request, "-keyout", key)
        sh("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
           "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key

    def text(self):
        """The certificate, as a job wants it."""
        return self.certificate.read_text()
