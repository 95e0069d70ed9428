# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP server on an address of the lab: what CAs run for their CRLs and OCSP."""
import http.server
import threading


class Web:
	"""files: path -> bytes, or a function of the request handler (body: what was posted). asked: the paths, in order."""

	def __init__(self, ip):
		self.files, self.asked = {}, []
		web = self

		class Handler(http.server.BaseHTTPRequestHandler):
			def do_GET(self):
				web.asked.append(self.path)
				what = web.files.get(self.path)
				if callable(what):
					what(self)
				elif what is None:
					self.reply(404, b"none")
				else:
					self.reply(200, what)

			def do_POST(self):
				self.body = self.rfile.read(int(self.headers["Content-Length"]))
				self.do_GET()

			def reply(self, status, body, **headers):
				self.send_response(status)
				for k, v in headers.items():
					self.send_header(k, v)
				self.send_header("Content-Length", str(len(body)))
				self.end_headers()
				self.wfile.write(body)

			def log_message(self, *args):
				pass

		self.server = http.server.ThreadingHTTPServer((ip, 0), Handler)
		self.server.daemon_threads = True
		self.url = f"http://{ip}:{self.server.server_port}"
		self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
		self.thread.start()

	def close(self):
		if self.thread:
			self.server.shutdown()
			self.server.server_close()
			self.thread.join()
			self.thread = None
