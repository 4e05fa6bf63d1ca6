/**
 * The parts of the peers that are measured, as their documentation gives them. Loaded by `require` and typed here, so
 * that the project's type check needs none of the packages of bench/.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export interface NactRef {
  readonly path: object;
}
export interface Nact {
  readonly start: () => NactRef;
  readonly stop: (ref: NactRef) => void;
  /** A name that two children share is an error, and those it makes up are drawn by chance. */
  readonly spawn: (parent: NactRef, handler: (state: undefined, message: never) => undefined, name: string) => NactRef;
  readonly dispatch: (ref: NactRef, message: unknown) => void;
  /** Resolves to what the receiver dispatches to `sender`. */
  readonly query: <R>(ref: NactRef, message: (sender: NactRef) => object, timeoutMs: number) => Promise<R>;
}

export interface ComedyActor {
  createChild(definition: object | string, options: { readonly mode: 'in-memory' | 'threaded' }): Promise<ComedyActor>;
  send(topic: string, message: object): Promise<void>;
  sendAndReceive<R>(topic: string, message: unknown): Promise<R>;
}
export interface ComedySystem {
  rootActor(): Promise<ComedyActor>;
  destroy(): Promise<void>;
}
export type Comedy = (options: { readonly test: boolean }) => ComedySystem;

export interface XstateActor<E> {
  start(): XstateActor<E>;
  send(event: E): void;
  stop(): void;
}
export interface Xstate {
  readonly fromTransition: <S, E>(
    transition: (state: S, event: E) => S,
    initial: S,
  ) => { readonly transition: (state: S, event: E) => S };
  readonly createActor: <E>(logic: { readonly transition: (state: null, event: E) => null }) => XstateActor<E>;
}

// Functions, so that a subject's process loads only its own library.
export const loadNact = (): Nact => require('nact') as Nact;
export const loadComedy = (): Comedy => require('comedy') as Comedy;
export const loadXstate = (): Xstate => require('xstate') as Xstate;
