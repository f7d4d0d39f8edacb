// What somebody may not do stays visible, with the role that it needs.

import type { ComponentChildren, JSX } from "preact";
import { may } from "../core/session";
import type { Role } from "../core/wire";
import { words } from "../words";

export function Allowed({ role, children }: { role: Role; children: ComponentChildren }): JSX.Element {
  if (may(role)) return <>{children}</>;
  const { act, settings } = words.value;
  return (
    <span class="not-allowed">
      {children}
      <small>{act.needs(settings.roles[role])}</small>
    </span>
  );
}
