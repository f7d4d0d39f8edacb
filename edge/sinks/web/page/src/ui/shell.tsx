// What stands around every room: where to go, how the service is, and whether it is heard.

import type { JSX } from "preact";
import { hashOf, place, type Room } from "../core/route";
import { rooms } from "../core/session";
import { isTrouble } from "../live/camera";
import { cameras } from "../live/feed";
import { Switches } from "../live/switches";
import { about, conditions, linkState } from "../live/line-state";
import { words } from "../words";
import { nameOf } from "../words/states";
import { Icon } from "./icon";
import { SettingsMenu } from "./settings";

export function Bar(): JSX.Element {
  const { model, engine, version } = about.value;
  return (
    <header class="bar">
      <p class="brand">
        <img src="/static/icon.svg" alt="" width="26" height="26" />
        Edge <small id="version">{version}</small>
      </p>
      {rooms.value.length > 1 && <Navigation />}
      {place.value.room === "live" && <Switches />}
      <dl class="about">
        <div>
          <dt>{words.value.model}</dt>
          <dd id="model" title={model}>{model || words.value.none}</dd>
        </div>
        <div>
          <dt>{words.value.engine}</dt>
          <dd id="engine" title={engine}>{engine || words.value.none}</dd>
        </div>
      </dl>
      <LinkLamp />
      <SettingsMenu />
    </header>
  );
}

function Navigation(): JSX.Element {
  return (
    <nav class="rooms" aria-label={words.value.navigation}>
      {rooms.value.map((room) => (
        <Way key={room} room={room} />
      ))}
    </nav>
  );
}

function Way({ room }: { room: Room }): JSX.Element {
  const here = place.value.room === room;
  return (
    <a href={hashOf(room)} aria-current={here ? "page" : undefined}>
      <Icon name={room} />
      {words.value.rooms[room]}
    </a>
  );
}

function LinkLamp(): JSX.Element {
  const { state, reason } = linkState.value;
  return (
    <p class="link" id="link" role="status" data-link={state} title={reason}>
      {words.value.link[state]}
    </p>
  );
}

/** What is so at the service, above whatever room is open. */
export function Conditions(): JSX.Element {
  const { link, camera, rooms: names } = words.value;
  const elsewhere = place.value.room === "live" ? [] : cameras.value.filter((one) => isTrouble(one.now.value.state));
  return (
    <div id="conditions" class="conditions" role="status">
      {conditions.value.map(({ state, reason }) => (
        <p key={`${state} ${reason}`} data-condition={state}>
          <b>{nameOf(state)}</b>
          {reason}
        </p>
      ))}
      {linkState.value.state === "polling" && <p data-condition="polling">{link.pollingWhy}</p>}
      {elsewhere.map((one) => (
        <p key={one.name} data-condition="faulted">
          <b>{camera[one.now.value.state]}</b>
          <a href={hashOf("live")}>{one.name}, {names.live}</a>
        </p>
      ))}
    </div>
  );
}
