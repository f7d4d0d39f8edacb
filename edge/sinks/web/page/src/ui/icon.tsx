// Line icons, 24 by 24, drawn for this page.

import type { JSX } from "preact";

const PATHS = {
  live: "M3 6h13v12H3zM16 10.5l5-3v9l-5-3z",
  recent: "M12 4a8 8 0 1 1-7.4 5M4 4v5h5M12 8v4.5l3 2",
  health: "M3 12h4l2.5-6 4.5 12 2.5-6H21",
  models: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  line: "M4 5l11-1 5 8-6 8-10-3zM4 5h.01M15 4h.01M20 12h.01M14 20h.01M4 17h.01",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  hold: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
  save: "M12 4v11M7 10.5l5 5 5-5M4 20h16",
  full: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  shrink: "M20 10h-6V4M14 10l7-7M4 14h6v6M10 14l-7 7",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.5l5 5L19 7",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  back: "M15 5l-7 7 7 7",
  undo: "M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10H9",
  warning: "M12 4l9 16H3zM12 10v4.5M12 17.4v.1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
}

/** A button with an icon only; its name is in its tooltip and for screen readers. */
export function IconButton({ icon, label, onClick, pressed, disabled }: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
