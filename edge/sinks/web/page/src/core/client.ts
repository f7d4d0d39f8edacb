// Questions and changes to the service, and its refusals as errors with a remedy.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly what: string,
    readonly remedy = "",
    readonly field = "",
    readonly body: unknown = null,
  ) {
    super(what);
  }
}

const TIMEOUT_MS = 15_000;
let onSignedOut: () => void = () => undefined;

/** Calls `heard` whenever the service says that nobody is signed in. */
export function whenSignedOut(heard: () => void): void {
  onSignedOut = heard;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await answer(path, signal ? { signal } : {})) as T;
}

export async function change<T>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body: object = {},
): Promise<T> {
  return (await answer(path, {
    method,
    headers: { "content-type": "application/json", "x-edge": "1" },
    body: JSON.stringify(body),
  })) as T;
}

/** Path with those of `values` that are not empty as its query. */
export function withQuery(path: string, values: Record<string, string | number | null>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The bytes at `path` with their headers, for pictures. */
export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  const signals = [AbortSignal.timeout(TIMEOUT_MS), ...(options.signal ? [options.signal] : [])];
  let response: Response;
  try {
    response = await fetch(path, { cache: "no-store", ...options, signal: anyOf(signals) });
  } catch (error) {
    throw new ApiError(0, error instanceof Error ? error.message : String(error));
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  if (failure.status === 401 && path !== "/api/session") onSignedOut();
  throw failure;
}

async function answer(path: string, options: RequestInit): Promise<unknown> {
  const response = await ask(path, options);
  return response.status === 204 ? null : response.json();
}

async function failureOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const { error } = (body ?? {}) as { error?: { what?: string; remedy?: string; field?: string } };
  const what = error?.what ?? `${response.status} ${response.statusText}`;
  return new ApiError(response.status, what, error?.remedy, error?.field, body);
}

function anyOf(signals: AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
  }
  return controller.signal;
}
