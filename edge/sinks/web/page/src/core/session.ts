// Who looks at the page, what they may do, and which rooms this service has.

import { computed, signal } from "@preact/signals";
import { get, whenSignedOut } from "./client";
import { type Room, ROOMS } from "./route";
import type { Role, Session } from "./wire";

const NOBODY: Session = { name: "", role: null, login: "required" };
/** A service without accounts: who reaches it may do everything. */
const ANYBODY: Session = { name: "", role: "engineer", login: "none" };

const RANK: Record<Role, number> = { viewer: 0, operator: 1, engineer: 2 };
const NEEDS: Record<Exclude<Room, "live">, string> = {
  recent: "/api/detections",
  health: "/api/health",
  models: "/api/models",
  line: "/api/line",
};

export const session = signal<Session | null>(null);
export const paths = signal<ReadonlySet<string>>(new Set());

export const rooms = computed(() =>
  ROOMS.filter((room) => room === "live" || paths.value.has(NEEDS[room])),
);
export const signedIn = computed(() => session.value !== null && session.value.role !== null);

export function may(role: Role): boolean {
  const own = session.value?.role;
  return own !== undefined && own !== null && RANK[own] >= RANK[role];
}

export function offers(path: string): boolean {
  return paths.value.has(path);
}

/** Ask the service what it has and who we are; once at the start and after each new connection. */
export async function introduce(): Promise<void> {
  const document = await get<{ paths: Record<string, unknown> }>("/openapi.json");
  paths.value = new Set(Object.keys(document.paths));
  session.value = paths.value.has("/api/session") ? await get<Session>("/api/session") : ANYBODY;
}

whenSignedOut(() => {
  session.value = NOBODY;
});
