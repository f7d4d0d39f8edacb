// Language, colours and account.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { change } from "../core/client";
import { introduce, session } from "../core/session";
import { language, LANGUAGES, theme, THEMES } from "../core/settings";
import { about } from "../live/line-state";
import { WORDS, words } from "../words";
import { IconButton } from "./icon";

export function SettingsMenu(): JSX.Element {
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const leave = (event: Event): void => {
      const escaped = event instanceof KeyboardEvent ? event.key === "Escape" : !menu.current?.contains(event.target as Node);
      if (!escaped) return;
      setOpen(false);
      if (event instanceof KeyboardEvent) menu.current?.querySelector("button")?.focus();
    };
    document.addEventListener("keydown", leave);
    document.addEventListener("pointerdown", leave);
    return () => {
      document.removeEventListener("keydown", leave);
      document.removeEventListener("pointerdown", leave);
    };
  }, [open]);
  return (
    <div class="settings" ref={menu}>
      <IconButton icon="settings" label={words.value.settings.title} pressed={open} onClick={() => setOpen(!open)} />
      {open && <Choices />}
    </div>
  );
}

function Choices(): JSX.Element {
  const { settings } = words.value;
  return (
    <div class="menu" role="group" aria-label={settings.title}>
      <fieldset>
        <legend>{settings.language}</legend>
        {LANGUAGES.map((code) => (
          <label key={code} lang={code === "zh" ? "zh-CN" : code}>
            <input type="radio" name="language" checked={language.value === code} onChange={() => (language.value = code)} />
            {WORDS[code].language}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>{settings.theme}</legend>
        {THEMES.map((name) => (
          <label key={name}>
            <input type="radio" name="theme" checked={theme.value === name} onChange={() => (theme.value = name)} />
            {settings.themes[name]}
          </label>
        ))}
      </fieldset>
      <Account />
      <p class="version">{settings.version(about.value.version)}</p>
    </div>
  );
}

function Account(): JSX.Element | null {
  const { settings } = words.value;
  const who = session.value;
  if (!who?.role) return null;
  if (who.login === "none" && !who.name) return <p>{settings.nobody}</p>;
  const leave = async (): Promise<void> => {
    await change("DELETE", "/api/session");
    await introduce();
  };
  return (
    <p class="account">
      {settings.signedIn(who.name, settings.roles[who.role])}
      <button type="button" onClick={() => void leave()}>{settings.signOut}</button>
    </p>
  );
}
