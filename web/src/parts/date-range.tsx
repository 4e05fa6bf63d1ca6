import { DatePicker as Ark, parseDate } from '@ark-ui/solid/date-picker';
import { For, Index } from 'solid-js';
import { language, t } from '../i18n/index.ts';
import { Floating } from './floating.tsx';

export interface DateRangeProps {
  readonly label: string;
  /** Days as YYYY-MM-DD of the local time; empty: open. */
  readonly from: string;
  readonly to: string;
  readonly onChange: (from: string, to: string) => void;
}

/** From one day to another, typed or picked. */
export function DateRange(props: DateRangeProps) {
  const value = () => [props.from, props.to].filter((day) => day !== '').map((day) => parseDate(day));
  return (
    <Ark.Root
      class="date-range"
      selectionMode="range"
      locale={language() === 'zh' ? 'zh-CN' : 'en-GB'}
      value={value()}
      onValueChange={(details) => props.onChange(details.valueAsString[0] ?? '', details.valueAsString[1] ?? '')}
      format={(date) => date.toString()}
      parse={(text) => (/^\d{4}-\d{2}-\d{2}$/u.test(text) ? parseDate(text) : undefined)}
      startOfWeek={1}
      lazyMount
      unmountOnExit
    >
      <Ark.Label class="select-label">{props.label}</Ark.Label>
      <Ark.Control class="date-control">
        <Ark.Input index={0} aria-label={`${props.label}: ${t('shell.from')}`} placeholder="YYYY-MM-DD" />
        <span aria-hidden="true">–</span>
        <Ark.Input index={1} aria-label={`${props.label}: ${t('shell.to')}`} placeholder="YYYY-MM-DD" />
        <Ark.Trigger class="button" aria-label={t('shell.pickDate')}>
          <span aria-hidden="true">▦</span>
        </Ark.Trigger>
        <Ark.ClearTrigger class="button quiet" aria-label={t('shell.clear')}>
          ✕
        </Ark.ClearTrigger>
      </Ark.Control>
      <Floating>
        <Ark.Positioner>
          <Ark.Content class="menu calendar">
            <Ark.View view="day">
              <DayView />
            </Ark.View>
          </Ark.Content>
        </Ark.Positioner>
      </Floating>
    </Ark.Root>
  );
}

const DayView = () => (
  <Ark.Context>
    {(picker) => (
      <>
        <Ark.ViewControl class="calendar-head">
          <Ark.PrevTrigger class="button quiet" aria-label={t('shell.previousMonth')}>
            ‹
          </Ark.PrevTrigger>
          <Ark.RangeText />
          <Ark.NextTrigger class="button quiet" aria-label={t('shell.nextMonth')}>
            ›
          </Ark.NextTrigger>
        </Ark.ViewControl>
        <Ark.Table>
          <Ark.TableHead>
            <Ark.TableRow>
              <Index each={picker().weekDays}>
                {(day) => <Ark.TableHeader aria-label={day().long}>{day().narrow}</Ark.TableHeader>}
              </Index>
            </Ark.TableRow>
          </Ark.TableHead>
          <Ark.TableBody>
            <Index each={picker().weeks}>
              {(week) => (
                <Ark.TableRow>
                  <For each={week()}>
                    {(day) => (
                      <Ark.TableCell value={day}>
                        <Ark.TableCellTrigger class="calendar-day">{day.day}</Ark.TableCellTrigger>
                      </Ark.TableCell>
                    )}
                  </For>
                </Ark.TableRow>
              )}
            </Index>
          </Ark.TableBody>
        </Ark.Table>
      </>
    )}
  </Ark.Context>
);
