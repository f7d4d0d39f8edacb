// A long list that comes page by page, its newest page again and again.

import { useEffect, useState } from "preact/hooks";
import { ApiError, get, withQuery } from "./client";
import { type Polled, usePolled } from "./polled";
import type { Paged } from "./wire";

const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(0, String(error));

interface Older<Item> {
  query: string;
  items: Item[];
  next: number | string | null;
}

export interface Listed<Item, Page> {
  polled: Polled<Page>;
  items: Item[];
  hasMore: boolean;
  failed: ApiError | null;
  more: () => void;
}

/**
 * The newest items of `path`, and older ones when asked for.
 *
 * Once older ones are shown the list no longer moves by itself: what one looks at stays in place.
 */
export function useListed<Item, Page extends Paged<Item> = Paged<Item>>(
  path: string,
  query: Record<string, string | number | null>,
  everyMs: number,
): Listed<Item, Page> {
  const first = withQuery(path, query);
  const [older, setOlder] = useState<Older<Item> | null>(null);
  const [failed, setFailed] = useState<ApiError | null>(null);
  const grown = older?.query === first ? older : null;
  const polled = usePolled<Page>(first, grown ? 0 : everyMs);
  useEffect(() => {
    setOlder(null);
    setFailed(null);
  }, [first]);

  const next = grown ? grown.next : (polled.data?.next ?? null);
  const more = (): void => {
    if (next === null) return;
    get<Page>(withQuery(path, { ...query, before: next })).then(
      (page) => {
        setOlder({ query: first, items: [...(grown?.items ?? []), ...page.items], next: page.next });
        setFailed(null);
      },
      (error: unknown) => setFailed(asApiError(error)),
    );
  };
  const items = [polled.data, grown].flatMap((page) => page?.items ?? []);
  return { polled, items, hasMore: next !== null, failed, more };
}
