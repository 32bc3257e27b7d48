#!/usr/bin/python3
"""thunderbird.py [SCREENSHOT.png]: the mail program Thunderbird against a server of our own, as `make test-thunderbird`.

Not a part of `make test`: Thunderbird is large, slow to start and another one with each update. It logs in over TLS,
reads, is told of new mail while it idles, sends, and deletes; what it did is checked on the server.
"""

import base64
import pathlib
import sys
import tempfile
import unittest

import harness
from harness import IMAPS, PASSWORD, SUBMISSIONS, USER, wait_until
from marionette import Thunderbird

SCREENSHOT = None

ACCOUNT = """
    const [user, password, imapPort, smtpPort] = arguments;
    const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
    const remember = async origin => {
        const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
        login.init(origin, null, origin, user, password, "", "");
        await Services.logins.addLoginAsync(login);
    };
    await remember("imap://localhost");
    await remember("smtp://localhost");
    const incoming = MailServices.accounts.createIncomingServer(user, "localhost", "imap");
    incoming.port = imapPort;
    incoming.socketType = Ci.nsMsgSocketType.SSL;
    incoming.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
    incoming.valid = true;
    const outgoing = MailServices.outgoingServer.createServer("smtp").QueryInterface(Ci.nsISmtpServer);
    outgoing.hostname = "localhost";
    outgoing.port = smtpPort;
    outgoing.username = user;
    outgoing.socketType = Ci.nsMsgSocketType.SSL;
    outgoing.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
    const identity = MailServices.accounts.createIdentity();
    identity.email = user;
    identity.fullName = "Ann Example";
    identity.smtpServerKey = outgoing.key;
    const account = MailServices.accounts.createAccount();
    account.addIdentity(identity);
    account.incomingServer = incoming;
    MailServices.accounts.defaultAccount = account;
    incoming.performBiff(null);
"""

INBOX = """
    const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
    const server = MailServices.accounts.defaultAccount.incomingServer;
    const inbox = server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox);
"""

SUBJECTS = INBOX + """
    return inbox ? [...inbox.messages].map(header => header.mime2DecodedSubject) : [];
"""

SHOW = INBOX + """
    const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
    MailUtils.displayMessageInFolderTab([...inbox.messages].find(h => h.mime2DecodedSubject == arguments[0]));
"""

TEXT = """
    const tabmail = Services.wm.getMostRecentWindow("mail:3pane").document.getElementById("tabmail");
    const content = tabmail?.currentAboutMessage?.getMessagePaneBrowser()?.contentDocument;
    return content?.body?.textContent ?? "";
"""

SEND = INBOX + """
    const [to, subject, text] = arguments;
    const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
    const parameters = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
    const identity = MailServices.accounts.defaultAccount.defaultIdentity;
    fields.to = to;
    fields.from = identity.email;
    fields.subject = subject;
    fields.body = text;
    parameters.composeFields = fields;
    parameters.identity = identity;
    parameters.format = Ci.nsIMsgCompFormat.PlainText;
    const compose = MailServices.compose.initCompose(parameters);
    const progress = Cc["@mozilla.org/messenger/progress;1"].createInstance(Ci.nsIMsgProgress);
    await compose.sendMsg(Ci.nsIMsgSend.nsMsgDeliverNow, identity, MailServices.accounts.defaultAccount.key, null,
        progress);
"""

DELETE = INBOX + """
    const header = [...inbox.messages].find(h => h.mime2DecodedSubject == arguments[0]);
    inbox.deleteMessages([header], null, false, true, null, false);
"""


class TestThunderbird(harness.ServerTest):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="godwit-thunderbird-")
        self.addCleanup(self.directory.cleanup)
        self.server.command("loglevels", "debug")
        self.program = Thunderbird(self.directory.name, self.server.base + 828, self.server.data / "ca.pem")
        self.addCleanup(self.program.close)

    def commands(self, name):
        end = f'name="{name}"' if " " in name else f"name={name}"
        return [line for line in self.server.log_lines if "pkg=imap" in line and line.endswith(end)]

    def wait_for_subject(self, subject):
        wait_until(lambda: subject in self.program.run(SUBJECTS), 60, f"{subject} in Thunderbird", 0.5)

    def screenshot(self):
        if SCREENSHOT:
            picture = self.program.control.call("WebDriver:TakeScreenshot", full=True, hash=False)["value"]
            pathlib.Path(SCREENSHOT).write_bytes(base64.b64decode(picture))

    def test_a_day(self):
        self.server.deliver("before the first start", body="Grüße aus Köln.\r\n")
        self.program.run(ACCOUNT, USER, PASSWORD, self.server.port(IMAPS), self.server.port(SUBMISSIONS))
        self.wait_for_subject("before the first start")

        self.program.run(SHOW, "before the first start")
        wait_until(lambda: "Grüße aus Köln." in self.program.run(TEXT), 30, "the text of the message", 0.5)
        self.screenshot()

        wait_until(lambda: self.commands("IDLE"), 60, "IDLE")
        self.server.deliver("while it idles")
        self.wait_for_subject("while it idles")

        self.program.run(SEND, USER, "sent to myself", "One line.\r\n.a line with a dot\r\n")
        self.wait_for_subject("sent to myself")
        wait_until(lambda: "sent to myself" in self.subjects("Sent"), 30, "the copy in Sent", 0.5)

        self.program.run(DELETE, "while it idles")
        wait_until(lambda: "while it idles" not in self.subjects(), 30, "the deletion", 0.5)
        self.assertIn("while it idles", self.subjects("Trash"))

        for name in ("LIST", "SELECT"):
            self.assertTrue(self.commands(name), f"no {name} in the log")
        self.assertTrue(self.commands("UID FETCH"), "no UID FETCH in the log")
        self.assertFalse([line for line in self.server.log_lines if "command failed" in line or "failed login" in line])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SCREENSHOT = sys.argv.pop(1)
    unittest.main()
