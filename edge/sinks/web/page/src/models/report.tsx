// The report that came with a bundle, in a frame that can do nothing.

import type { JSX } from "preact";
import { Dialog } from "../ui/dialog";
import { words } from "../words";

export function Report({ id, onClose }: { id: string; onClose: () => void }): JSX.Element {
  const title = words.value.models.reportOf(id);
  return (
    <Dialog title={title} onClose={onClose} wide>
      <iframe class="report" title={title} sandbox="" src={`/api/models/${encodeURIComponent(id)}/report`} />
    </Dialog>
  );
}
