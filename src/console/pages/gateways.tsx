/** Gateways: the methods of each, whether calls to it are stopped, and its figures of the last day. */
import type { ConsoleGateways } from '../../contract/console.ts';
import { Card, Empty, Facts, PageTitle, Pill } from '../parts/basics.tsx';
import { Load } from '../parts/load.tsx';
import { countText, localTime, millisecondsText, percentText } from '../text/format.ts';
import { addressOf } from '../text/route.ts';
import { gatewayText, methodText, type Status } from '../text/words.ts';
import { useLoaded } from '../use-loaded.ts';

type Gateway = ConsoleGateways['gateways'][number];
const EVERY_MS = 15_000;

export function GatewaysPage() {
  const gateways = useLoaded<ConsoleGateways>('/gateways', EVERY_MS);
  return (
    <>
      <div class="page-head">
        <PageTitle page="gateways" />
      </div>
      <p class="lead">
        Figures cover the last 24 hours. If a gateway keeps failing, the service stops calling it for a while, so that
        payers are not kept waiting.
      </p>
      <Load of={gateways}>
        {(data) =>
          data.gateways.length === 0 ? (
            <Card>
              <Empty title="No gateway is configured">See docs/settings.md.</Empty>
            </Card>
          ) : (
            <div class="columns even">
              {data.gateways.map((gateway) => (
                <GatewayCard key={gateway.kind} gateway={gateway} />
              ))}
            </div>
          )
        }
      </Load>
    </>
  );
}

function statusOf({ charges_stopped_until, refunds_stopped_until }: Gateway): Status {
  if (charges_stopped_until !== null) return { text: 'Charges stopped', tone: 'bad' };
  if (refunds_stopped_until !== null) return { text: 'Refunds stopped', tone: 'bad' };
  return { text: 'Active', tone: 'good' };
}

function GatewayCard({ gateway }: { gateway: Gateway }) {
  const { kind, methods, is_live, completed, failed, p50_ms, p95_ms, charges_stopped_until, refunds_stopped_until } =
    gateway;
  const ended = completed + failed;
  return (
    <Card title={gatewayText(kind)} aside={<Pill {...statusOf(gateway)} />}>
      <Facts
        facts={[
          ['Mode', is_live ? 'Live' : 'Test: nobody is charged'],
          ['Methods', methods.length === 0 ? 'None for new payments' : methods.map(methodText).join(', ')],
          charges_stopped_until === null ? null : ['No charges until', localTime(charges_stopped_until, true)],
          refunds_stopped_until === null ? null : ['No refunds until', localTime(refunds_stopped_until, true)],
          ['Success rate', ended === 0 ? 'No finished payments' : percentText((100 * completed) / ended)],
          [
            'Completed',
            <a key="completed" href={addressOf('payments', { gateway: kind, status: 'completed' })}>
              {countText(completed)}
            </a>,
          ],
          [
            'Failed',
            <a key="failed" href={addressOf('payments', { gateway: kind, status: 'failed' })}>
              {countText(failed)}
            </a>,
          ],
          ['Response time', `${millisecondsText(p50_ms)} median, ${millisecondsText(p95_ms)} p95`],
        ]}
      />
    </Card>
  );
}
