#!/usr/bin/env python3
"""Opens pages in a real browser and says what came of it, as one JSON object {url: result}:
"open", or the browser's own word for why not.
   browser_probe.py [--policy] chromium|firefox ETC HOST...
With --policy also, as "policy", what the browser itself says of its policy: one line for each that
it was given, with its own word for what is wrong. Runs in a mount namespace of its own in which ETC stands for /etc. Every host is a TLS server
on loopback, made here. Needs root."""
import base64
import ctypes
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 60  # seconds for anything of a loaded machine; usually one or two
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18


def own_etc(etc):
    libc = ctypes.CDLL(None, use_errno=True)
    for failed in (libc.unshare(CLONE_NEWNS),
                   libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
                   libc.mount(etc.encode(), b"/etc", None, MS_BIND, None)):
        if failed:
            sys.exit(f"no /etc of its own: {os.strerror(ctypes.get_errno())}")


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<title>open</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


def serve(folder, hosts):
    key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=probe", "-addext",
                    "subjectAltName=" + ",".join("DNS:" + h for h in hosts)],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def wait_for(path, browser):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with open(path, encoding="ascii") as f:
                text = f.read()
            if text.strip():
                return text
        except FileNotFoundError:
            pass
        if browser.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"the browser did not write {path} (exit code {browser.poll()})")


class DevTools:
    """A WebSocket client (RFC 6455) that speaks to one page of Chromium."""

    def __init__(self, url):
        host, path = url.removeprefix("ws://").split("/", 1)
        name, port = host.rsplit(":", 1)
        self.socket = socket.create_connection((name, int(port)), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.stream = self.socket.makefile("rb")
        if b" 101 " not in self.stream.readline():
            sys.exit("DevTools took no WebSocket")
        while self.stream.readline().strip():
            pass
        self.last = 0

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0xFE, len(data))
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        self.socket.sendall(b"\x81" + size + mask + masked)

    def receive(self):
        first, size = self.stream.read(2)
        size &= 0x7F
        if size == 126:
            size, = struct.unpack("!H", self.stream.read(2))
        elif size == 127:
            size, = struct.unpack("!Q", self.stream.read(8))
        data = self.stream.read(size)
        return json.loads(data) if first == 0x81 else {}

    def call(self, method, **params):
        self.last += 1
        self.send(json.dumps({"id": self.last, "method": method, "params": params}))
        while True:
            answer = self.receive()
            if answer.get("id") == self.last:
                return answer["result"]


# The rows of chrome://policy that are set, as "name: what it says", one a line; null while the
# page is not filled.
POLICY_ROWS = """(() => {
  const rows = [];
  let seen = 0;
  const walk = (root) => {
    for (const e of root.querySelectorAll('*')) {
      if (e.shadowRoot) walk(e.shadowRoot);
      if (e.tagName != 'POLICY-ROW' || !e.shadowRoot.querySelector('.messages')) continue;
      ++seen;
      const text = (part) => e.shadowRoot.querySelector(part).textContent.trim();
      if (text('.messages') != 'Not set.') rows.push(text('.name') + ': ' + text('.messages'));
    }
  };
  walk(document);
  return seen ? rows.join('\\n') : null;
})()"""

# What Firefox took, and what it complained of, one a line.
POLICY_SAID = """
const storage = Cc['@mozilla.org/consoleAPI-storage;1'].getService(Ci.nsIConsoleAPIStorage);
const said = storage.getEvents().filter(e => e.prefix == 'Enterprise Policies');
return [...Object.keys(Services.policies.getActivePolicies() || {}),
        ...said.map(e => e.arguments.map(String).join(' '))].join('\\n');"""


def chromium_policy(tools):
    tools.call("Page.navigate", url="chrome://policy")
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        rows = tools.call("Runtime.evaluate", expression=POLICY_ROWS)["result"].get("value")
        if rows is not None:
            return rows
        time.sleep(0.1)
    sys.exit("chrome://policy stays empty")


def chromium(folder, urls, policy):
    profile = os.path.join(folder, "chromium")
    log = open(os.path.join(folder, "log"), "wb")
    browser = subprocess.Popen(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-quic", "--disable-dev-shm-usage", "--ignore-certificate-errors",
         "--host-resolver-rules=MAP * 127.0.0.1, EXCLUDE 127.0.0.1", "--user-data-dir=" + profile,
         "--remote-debugging-port=0", "about:blank"],
        stdout=log, stderr=log, start_new_session=True)
    try:
        port = wait_for(os.path.join(profile, "DevToolsActivePort"), browser).split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as f:
            page = next(t for t in json.load(f) if t["type"] == "page")
        tools = DevTools(page["webSocketDebuggerUrl"])
        out = {url: tools.call("Page.navigate", url=url).get("errorText") or "open"
               for url in urls}
        if policy:
            out["policy"] = chromium_policy(tools)
        return out
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


class Marionette:
    """Firefox's own remote protocol: LENGTH:JSON both ways."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.stream = self.socket.makefile("rb")
        self.last = 0
        self.receive()  # it greets

    def receive(self):
        size = b""
        while not size.endswith(b":"):
            size += self.stream.read(1) or sys.exit("Marionette hung up")
        return json.loads(self.stream.read(int(size[:-1])))

    def ask(self, command, params):
        """[1, number, error, result]"""
        self.last += 1
        text = json.dumps([0, self.last, command, params])
        self.socket.sendall(f"{len(text)}:{text}".encode())
        return self.receive()

    def call(self, command, params):
        """Error message, or None."""
        error = self.ask(command, params)[2]
        return error and error["message"]


def firefox(folder, urls, policy):
    profile = os.path.join(folder, "firefox")
    os.mkdir(profile)
    prefs = {"marionette.port": 0,
             "network.dns.localDomains": ",".join(u.split("/")[2].split(":")[0] for u in urls),
             "app.update.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
             "browser.shell.checkDefaultBrowser": False, "network.captive-portal-service.enabled": False,
             "network.connectivity-service.enabled": False}
    with open(os.path.join(profile, "user.js"), "w", encoding="ascii") as f:
        f.writelines(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in prefs.items())
    log = open(os.path.join(folder, "log"), "wb")
    browser = subprocess.Popen(
        ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", profile]
        + (["--remote-allow-system-access"] if policy else []),
        stdout=log, stderr=log, start_new_session=True, env={**os.environ, "HOME": folder})
    try:
        port = int(wait_for(os.path.join(profile, "MarionetteActivePort"), browser))
        session = Marionette(port)
        refused = session.call("WebDriver:NewSession",
                               {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})
        if refused:
            sys.exit(refused)
        out = {url: session.call("WebDriver:Navigate", {"url": url}) or "open" for url in urls}
        if policy:
            refused = session.call("Marionette:SetContext", {"value": "chrome"})
            if refused:
                sys.exit(refused)
            out["policy"] = session.ask("WebDriver:ExecuteScript",
                                        {"script": POLICY_SAID, "args": []})[3]["value"]
        return out
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def main():
    args = sys.argv[1:]
    policy = args[0] == "--policy"
    name, etc, *hosts = args[policy:]
    own_etc(etc)
    folder = tempfile.mkdtemp(prefix="muster-browser-")
    try:
        port = serve(folder, hosts)
        results = {"chromium": chromium, "firefox": firefox}[name](
            folder, [f"https://{h}:{port}/" for h in hosts], policy)
        out = {h: results[f"https://{h}:{port}/"] for h in hosts}
        if policy:
            out["policy"] = results["policy"]
        print(json.dumps(out))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
