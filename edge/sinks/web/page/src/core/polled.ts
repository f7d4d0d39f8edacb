// Answers that are asked for again and again while somebody looks.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get } from "./client";

/**
 * The newest answer, and what went wrong since.
 *
 * `failed` beside `data` means: this is how it was at `at`, not how it is.
 */
export interface Polled<T> {
  data: T | null;
  failed: ApiError | null;
  /** When `data` came, as `Date.now()`. */
  at: number;
  again: () => void;
}

interface Answer<T> {
  path: string | null;
  data: T | null;
  failed: ApiError | null;
  at: number;
}

/** Asks `path` now, then every `everyMs` milliseconds (0: only when told), never twice at a time. */
export function usePolled<T>(path: string | null, everyMs: number): Polled<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ path, data: null, failed: null, at: 0 });
  const askNow = useRef<() => void>(() => undefined);

  useEffect(() => {
    if (path === null) return undefined;
    const over = new AbortController();
    let timer = 0;
    let asking = false;
    const ask = async (): Promise<void> => {
      if (asking) return;
      clearTimeout(timer);
      asking = true;
      if (!document.hidden) {
        try {
          const data = await get<T>(path, over.signal);
          if (!over.signal.aborted) setAnswer({ path, data, failed: null, at: Date.now() });
        } catch (error) {
          if (!over.signal.aborted) {
            const failed = error instanceof ApiError ? error : new ApiError(0, String(error));
            setAnswer((old) => ({ ...(old.path === path ? old : { data: null, at: 0 }), path, failed }));
          }
        }
      }
      asking = false;
      if (everyMs && !over.signal.aborted) timer = setTimeout(() => void ask(), everyMs);
    };
    askNow.current = () => void ask();
    const seen = (): void => {
      if (!document.hidden) void ask();
    };
    document.addEventListener("visibilitychange", seen);
    void ask();
    return () => {
      over.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, everyMs]);

  const again = useCallback(() => askNow.current(), []);
  const { data, failed, at } =
    answer.path === path ? answer : { data: null, failed: null, at: 0 };
  return { data, failed, at, again };
}
