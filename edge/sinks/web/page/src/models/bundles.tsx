// Every bundle with its scores, and the way back to the one before.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { change } from "../core/client";
import { hashOf } from "../core/route";
import { may } from "../core/session";
import type { BundleRow, Models } from "../core/wire";
import { ActDialog } from "../ui/act";
import { Allowed } from "../ui/allowed";
import { Icon } from "../ui/icon";
import { tell } from "../ui/news";
import { words } from "../words";
import { maybe, percent, time } from "../words/format";

interface Props {
  models: Models;
  changed: () => void;
}

export function Bundles({ models, changed }: Props): JSX.Element {
  const { models: said } = words.value;
  const [asked, setAsked] = useState(false);
  const { previous, bundles } = models;
  const rollBack = async (by: object): Promise<void> => {
    await change("POST", "/api/models/rollback", by);
    tell(said.rolledBack);
    changed();
  };
  return (
    <section aria-label={said.bundles}>
      <div class="room-head">
        <h2>{said.bundles}</h2>
        <Allowed role="engineer">
          <button type="button" disabled={previous === null || !may("engineer")} onClick={() => setAsked(true)}>
            <Icon name="undo" />
            {said.rollback}
          </button>
        </Allowed>
      </div>
      {bundles.length ? <BundleTable bundles={bundles} /> : <p class="loading">{said.noBundles}</p>}
      {asked && previous !== null && (
        <ActDialog title={said.rollbackTitle} what={said.rollbackWhat(previous)} button={said.rollback} danger act={rollBack} onClose={() => setAsked(false)} />
      )}
    </section>
  );
}

function BundleTable({ bundles }: { bundles: BundleRow[] }): JSX.Element {
  const { models: said } = words.value;
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={said.bundles}>
      <table>
        <thead>
          <tr>
            <th scope="col">{said.state}</th>
            <th scope="col">{words.value.health.bundle}</th>
            <th scope="col">{said.made}</th>
            <th scope="col">{said.precision}</th>
            <th scope="col">{said.runtime}</th>
            <th scope="col" class="number">{said.map}</th>
            <th scope="col" class="number">{said.map50}</th>
            <th scope="col" class="number" title={said.agreementWhy}>{said.agreement}</th>
            <th scope="col">{said.report}</th>
          </tr>
        </thead>
        <tbody>
          {bundles.toReversed().map((bundle) => (
            <Row key={bundle.id} bundle={bundle} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ bundle }: { bundle: BundleRow }): JSX.Element {
  const { models: said, none } = words.value;
  return (
    <tr data-status={bundle.status}>
      <td>
        <b class="mark" data-status={bundle.status}>{said.status[bundle.status]}</b>
      </td>
      <td>
        {bundle.id}
        {bundle.reason && <small class="why-line">{bundle.reason}</small>}
      </td>
      <td class="when">{time(bundle.made_at)}</td>
      <td>{bundle.precision ?? none}</td>
      <td>{bundle.runtime ?? none}</td>
      <td class="number">{maybe(bundle.map, 3)}</td>
      <td class="number">{maybe(bundle.map50, 3)}</td>
      <td class="number">{[bundle.agreement, bundle.agreement_85].filter((one) => typeof one === "number").map((one) => percent(one, 1)).join(" / ") || none}</td>
      <td>{bundle.report ? <a href={hashOf("models", bundle.id)}>{said.report}</a> : none}</td>
    </tr>
  );
}
