# SPDX-License-Identifier: Apache-2.0
"""A web server that hands out what a test says, over TLS, with the certificate a test says."""
import http.server
import ssl
import threading


class Https:
	"""pages: {path: bytes}; what is not there is 404. asked: how often each path was. Both may be changed while it runs."""

	def __init__(self, ip, port, cert, pages):
		self.pages, self.asked = pages, {}
		outer = self

		class Handler(http.server.BaseHTTPRequestHandler):
			def do_GET(self):
				outer.asked[self.path] = outer.asked.get(self.path, 0) + 1
				body = outer.pages.get(self.path)
				self.send_response(404 if body is None else 200)
				self.send_header("Content-Length", str(len(body or b"")))
				self.end_headers()
				self.wfile.write(body or b"")

			def log_message(self, *args):
				pass

		class Server(http.server.ThreadingHTTPServer):
			daemon_threads = True

			def handle_error(self, request, client_address):
				pass  # who did not like our certificate

		ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		ctx.load_cert_chain(cert.pem, cert.key)
		self._server = Server((ip, port), Handler)
		self._server.socket = ctx.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
		threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

	def close(self):
		self._server.shutdown()
		self._server.server_close()

	def __enter__(self):
		return self

	def __exit__(self, *exc):
		self.close()
