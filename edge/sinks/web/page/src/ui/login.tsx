// Who are you? Asked where the service has accounts.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError, change } from "../core/client";
import { session } from "../core/session";
import type { Session } from "../core/wire";
import { words } from "../words";
import { Failure } from "./act";

export function Login(): JSX.Element {
  const { login } = words.value;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [failed, setFailed] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      session.value = await change<Session>("POST", "/api/session", { name, password });
    } catch (error) {
      setFailed(inWords(error));
      setPassword("");
    }
    setBusy(false);
  };

  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)}>
        <h1>
          <img src="/static/icon.svg" alt="" width="40" height="40" />
          {login.title}
        </h1>
        <label for="name">{login.name}</label>
        <input id="name" name="name" autocomplete="username" required value={name} onInput={(event) => setName(event.currentTarget.value)} />
        <label for="password">{login.password}</label>
        <input id="password" name="password" type="password" autocomplete="current-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} />
        <Failure failed={failed} />
        <button type="submit" class="primary" disabled={busy}>{login.submit}</button>
      </form>
    </main>
  );
}

function inWords(error: unknown): ApiError {
  const { login, noAnswer } = words.peek();
  const status = error instanceof ApiError ? error.status : 0;
  if (status === 401) return new ApiError(401, login.wrong);
  if (status === 429) return new ApiError(429, login.wait);
  if (error instanceof ApiError && status) return error;
  return new ApiError(0, noAnswer);
}
