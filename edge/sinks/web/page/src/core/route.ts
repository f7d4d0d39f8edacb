// Where in the page one is: `#/room/detail`, so that Back and a bookmark work.

import { signal } from "@preact/signals";

export const ROOMS = ["live", "recent", "health", "models", "line"] as const;
export type Room = (typeof ROOMS)[number];

export interface Place {
  room: Room;
  detail: string;
}

export function placeFrom(hash: string): Place {
  const [, room = "", detail = ""] = /^#\/([a-z]*)\/?(.*)$/.exec(hash) ?? [];
  const known = ROOMS.find((name) => name === room);
  try {
    return known ? { room: known, detail: decodeURIComponent(detail) } : { room: "live", detail: "" };
  } catch {
    return { room: known ?? "live", detail: "" };
  }
}

export function hashOf(room: Room, detail = ""): string {
  return `#/${room}${detail ? `/${encodeURIComponent(detail)}` : ""}`;
}

export const place = signal(placeFrom(location.hash));
addEventListener("hashchange", () => {
  place.value = placeFrom(location.hash);
});

export function go(room: Room, detail = ""): void {
  location.hash = hashOf(room, detail);
}
