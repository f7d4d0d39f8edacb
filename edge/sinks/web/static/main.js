// The page: a tile for each camera, fed by one WebSocket.

import { Link } from "./link.js";
import { Tile } from "./tile.js";
import { conditionOf, titleOf } from "./words.js";

const view = { labels: [], shown: { boxes: true, labels: true }, staleMs: 2000 };
const tiles = new Map();
const cameras = document.getElementById("cameras");
const link = document.getElementById("link");
let version;

function tileOf(camera) {
  if (!tiles.has(camera)) {
    tiles.set(camera, new Tile(camera, view));
    const inOrder = [...tiles.keys()].sort().map((name) => tiles.get(name).element);
    cameras.replaceChildren(...inOrder);
    cameras.dataset.many = tiles.size > 1;
  }
  return tiles.get(camera);
}

function setLink(state, text, reason) {
  link.dataset.link = state;
  link.textContent = text;
  for (const tile of tiles.values()) tile.setLink(state, reason);
}

const handlers = {
  opened() {},
  closed(reason, waitMs) {
    const again = `Trying again in ${Math.max(1, Math.round(waitMs / 1000))} s`;
    const why = reason || `No answer from Edge at ${location.host}`;
    setLink("closed", "Disconnected", `${why}. ${again}.`);
    if (!tiles.size) document.getElementById("empty").textContent = `${why}. ${again}.`;
  },
  hello(message) {
    if (version !== undefined && version !== message.version) location.reload();
    version = message.version;
    view.labels = message.labels;
    view.staleMs = message.stale_ms;
    document.getElementById("version").textContent = version;
    document.getElementById("model").textContent = message.model;
    this.service(message);
    for (const { camera, state, reason } of message.cameras) tileOf(camera).setState(state, reason);
    setLink("open", "Connected", "");
  },
  service({ engine, conditions }) {
    document.getElementById("engine").textContent = engine;
    const lines = conditions.map(({ state, reason }) => {
      const line = document.createElement("p");
      line.dataset.condition = state;
      line.append(Object.assign(document.createElement("b"), { textContent: conditionOf(state) }), reason);
      return line;
    });
    document.getElementById("conditions").replaceChildren(...lines);
  },
  status({ camera, state, reason }) {
    tileOf(camera).setState(state, reason);
  },
  frame(frame) {
    const tile = tileOf(frame.camera);
    // Frames come from live cameras only; this one may never have had to report a state.
    if (!tile.frame && tile.camera.state === "connecting") tile.setState("live", "");
    tile.show(frame);
  },
};

for (const name of ["boxes", "labels"]) {
  const button = document.getElementById(name);
  button.addEventListener("click", () => {
    view.shown[name] = !view.shown[name];
    button.setAttribute("aria-pressed", view.shown[name]);
    for (const tile of tiles.values()) tile.repaint();
  });
}

// Between messages time goes on: ages grow, and what grew too old stops looking live.
setInterval(() => {
  for (const tile of tiles.values()) tile.refresh();
  const trouble = [...tiles.values()].map((tile) => tile.element.dataset).find((data) => data.trouble === "true");
  document.title = trouble ? `⚠ ${titleOf(trouble.state)}: ${trouble.camera}` : "Edge live view";
}, 100);

new Link(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, handlers);
