// A configuration profile for Apple's devices: the identity, and a mail account for IMAP and submission.
// The identity's passphrase is not in it: the device asks for it.
import { base64 } from "./der";

export interface ProfileOptions {
  address: string;
  name: string; // of the device
  host: string;
  imaps: number; // ports; 0: not offered
  imap: number;
  submissions: number;
  submission: number;
  pkcs12: Uint8Array;
}

type Value = string | number | boolean | Uint8Array | Value[] | { [key: string]: Value };

const escape = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function write(value: Value): string {
  if (typeof value === "string") return `<string>${escape(value)}</string>`;
  if (typeof value === "number") return `<integer>${value}</integer>`;
  if (typeof value === "boolean") return value ? "<true/>" : "<false/>";
  if (value instanceof Uint8Array) return `<data>${base64(value)}</data>`;
  if (Array.isArray(value)) return `<array>${value.map(write).join("")}</array>`;
  const entries = Object.entries(value).map(([key, item]) => `<key>${escape(key)}</key>${write(item)}\n`);
  return `<dict>\n${entries.join("")}</dict>`;
}

function payload(type: string, id: string, name: string, content: { [key: string]: Value }): { [key: string]: Value } {
  return {
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: id,
    PayloadUUID: crypto.randomUUID().toUpperCase(),
    PayloadDisplayName: name,
    ...content,
  };
}

export function makeProfile(options: ProfileOptions): string {
  const id = `org.godwit.${options.address.replace(/[^A-Za-z0-9.]/g, "-")}`;
  const tls = options.imaps > 0;
  const submissionTls = options.submissions > 0;
  const identity = payload("com.apple.security.pkcs12", `${id}.identity`, `Key for mail: ${options.name}`, {
    PayloadCertificateFileName: "mail.p12",
    PayloadContent: options.pkcs12,
  });
  const mail = payload("com.apple.mail.managed", `${id}.mail`, options.address, {
    EmailAccountType: "EmailTypeIMAP",
    EmailAccountDescription: options.address,
    EmailAddress: options.address,
    IncomingMailServerAuthentication: "EmailAuthNone",
    IncomingMailServerHostName: options.host,
    IncomingMailServerPortNumber: tls ? options.imaps : options.imap,
    IncomingMailServerUseSSL: true,
    IncomingMailServerUsername: options.address,
    OutgoingMailServerAuthentication: "EmailAuthNone",
    OutgoingMailServerHostName: options.host,
    OutgoingMailServerPortNumber: submissionTls ? options.submissions : options.submission,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerUsername: options.address,
  });
  const profile = payload("Configuration", id, `Mail: ${options.address}`, { PayloadContent: [identity, mail] });
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
${write(profile)}
</plist>
`;
}
