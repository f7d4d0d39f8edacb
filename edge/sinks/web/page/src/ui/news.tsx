// What an act came to, said for a while at the foot of the page.

import { signal } from "@preact/signals";
import type { JSX } from "preact";

const SHOWN_MS = 6000;
const news = signal("");
let timer = 0;

export function tell(text: string): void {
  news.value = text;
  clearTimeout(timer);
  timer = setTimeout(() => (news.value = ""), SHOWN_MS);
}

export function News(): JSX.Element {
  return (
    <div class="news" role="status">
      {news.value && <p>{news.value}</p>}
    </div>
  );
}
