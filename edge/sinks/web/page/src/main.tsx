// The page: asks who looks, then shows the room that the address names.

import { effect } from "@preact/signals";
import { type JSX, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { place } from "./core/route";
import { introduce, rooms, session, signedIn } from "./core/session";
import { isTrouble } from "./live/camera";
import { cameras, watchLine } from "./live/feed";
import { startClock } from "./live/line-state";
import { LiveRoom } from "./live/room";
import { HealthRoom } from "./health/room";
import { LineRoom } from "./line/room";
import { ModelRoom } from "./models/room";
import { RecentRoom } from "./recent/room";
import { Login } from "./ui/login";
import { News } from "./ui/news";
import { Bar, Conditions } from "./ui/shell";
import { words } from "./words";

const AGAIN_MS = 2000;

function Page(): JSX.Element {
  if (session.value === null) return <Unheard />;
  return signedIn.value ? <Inside /> : <Login />;
}

/** Until the service has said who we are. */
function Unheard(): JSX.Element {
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let timer = 0;
    const ask = (): void => {
      introduce().catch(() => {
        setFailed(true);
        timer = setTimeout(ask, AGAIN_MS);
      });
    };
    ask();
    return () => clearTimeout(timer);
  }, []);
  return <p class="empty" role="status">{failed ? words.value.noAnswer : words.value.loading}</p>;
}

function Inside(): JSX.Element {
  useEffect(() => watchLine(), []);
  const { room } = place.value;
  const open = rooms.value.includes(room) ? room : "live";
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("content")?.focus()}>{words.value.skip}</button>
      <Bar />
      <Conditions />
      <main id="content" tabIndex={-1} data-room={open}>
        {open === "live" && <LiveRoom />}
        {open === "recent" && <RecentRoom />}
        {open === "health" && <HealthRoom />}
        {open === "models" && <ModelRoom />}
        {open === "line" && <LineRoom />}
      </main>
      <News />
    </>
  );
}

/** The tab's title tells of trouble, wherever one is. */
effect(() => {
  const { camera, rooms: names } = words.value;
  const trouble = cameras.value.find((one) => isTrouble(one.now.value.state));
  document.title = trouble
    ? `⚠ ${camera[trouble.now.value.state]}: ${trouble.name}`
    : `${names[place.value.room]} · Edge`;
});

startClock();
const page = document.getElementById("page");
if (page) render(<Page />, page);
