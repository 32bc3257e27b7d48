// The server's functions (docs/account-api.md).

export interface Services {
  Host: string;
  IMAPS: number;
  IMAP: number;
  Submissions: number;
  Submission: number;
}

export interface Account {
  Account: string;
  LoginAddress: string;
  Addresses: string[];
  MoreAddresses: boolean;
  Aliases: {
    Address: string;
    SubscriptionAddress: string;
    AllowMsgFrom: boolean;
    ListMembers: boolean;
    Members: string[];
    MoreMembers: boolean;
  }[];
  BytesUsed: number;
  BytesLimit: number;
  Messages: number;
  Services: Services;
}

export interface TlsKey {
  Fingerprint: string;
  Type: string;
  Name: string;
  LoginAddress: string;
  NoIMAPPreauth: boolean;
  Created: string | null;
  LastUsed: string | null;
}

export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN = "webaccountcsrftoken";

export const loggedIn = () => localStorage.getItem(TOKEN) !== null;
export const forgetLogin = () => localStorage.removeItem(TOKEN);

async function call<Result>(name: string, ...params: unknown[]): Promise<Result> {
  const token = localStorage.getItem(TOKEN);
  let answer: Response;
  try {
    answer = await fetch(`/account/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { "x-godwit-csrf": token } : {}) },
      body: JSON.stringify({ params }),
    });
  } catch {
    throw new ApiError("network", "The server cannot be reached. Try again.");
  }
  if (answer.status === 429) throw new ApiError("user:error", "Too many attempts. Try again in a minute.");
  // A proxy, or the server before it looked at the call, answers with a page.
  if (!answer.headers.get("Content-Type")?.startsWith("application/json"))
    throw new ApiError("server:error", `The server answered with status ${answer.status}. Try again.`);
  const body = (await answer.json()) as { result?: Result; error?: { code: string; message: string } };
  if (!body.error) return body.result as Result;
  const message = body.error.message;
  throw new ApiError(body.error.code, message.charAt(0).toUpperCase() + message.slice(1) + ".");
}

export async function login(address: string, password: string): Promise<void> {
  forgetLogin();
  const token = await call<string>("LoginPrep");
  localStorage.setItem(TOKEN, await call<string>("Login", token, address, password));
}

export async function logout(): Promise<void> {
  try {
    await call("Logout");
  } finally {
    localStorage.clear();
  }
}

export const account = () => call<Account>("Account");
export const setPassword = (current: string, fresh: string) => call("SetPassword", current, fresh);
export const tlsKeys = () => call<TlsKey[]>("TLSPublicKeys");
export const addTlsKey = (address: string, name: string, noPreauth: boolean, certificate: string) =>
  call<TlsKey>("TLSPublicKeyAdd", address, name, noPreauth, certificate);
export const updateTlsKey = (key: TlsKey) =>
  call("TLSPublicKeyUpdate", key.Fingerprint, key.LoginAddress, key.Name, key.NoIMAPPreauth);
export const removeTlsKey = (fingerprint: string) => call("TLSPublicKeyRemove", fingerprint);

export interface AppPassword {
  Name: string;
  IMAP: boolean;
  Submission: boolean;
  Web: boolean;
  Created: string | null;
  Expires: string | null;
  LastUsed: string | null;
}

export interface LoginAttempt {
  LoginAddress: string;
  Protocol: string;
  Mechanism: string;
  Result: string;
  RemoteIP: string | null;
  TLS: string;
  Count: number;
  First: string | null;
  Last: string | null;
}

export const appPasswords = () => call<AppPassword[]>("AppPasswords");
/** days: 0 for ever. The password is given this once. */
export const addAppPassword = (name: string, imap: boolean, submission: boolean, web: boolean, days: number) =>
  call<string>("AppPasswordAdd", name, imap, submission, web, days);
export const removeAppPassword = (name: string) => call("AppPasswordRemove", name);
export const loginAttempts = (max: number) => call<LoginAttempt[]>("LoginAttempts", max);
