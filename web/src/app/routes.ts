/** The views by their addresses, in the order of the navigation. */
import { lazy, type Component } from 'solid-js';
import type { TextKey } from '../i18n/index.ts';

export interface ViewRoute {
  readonly path: string;
  readonly component: Component;
}

export const ROUTES: readonly ViewRoute[] = [
  { path: '/wall', component: lazy(() => import('../views/wall/wall-view.tsx')) },
  { path: '/cameras/:id', component: lazy(() => import('../views/camera/camera-view.tsx')) },
  { path: '/cameras/:id/scene', component: lazy(() => import('../views/camera/scene-view.tsx')) },
  { path: '/alerts/:id?', component: lazy(() => import('../views/alerts/alerts-view.tsx')) },
  { path: '/load', component: lazy(() => import('../views/load/load-view.tsx')) },
  { path: '/budget', component: lazy(() => import('../views/budget/budget-view.tsx')) },
  { path: '/system/:part?', component: lazy(() => import('../views/system/system-view.tsx')) },
];

export const NAVIGATION: readonly { readonly path: string; readonly name: TextKey }[] = [
  { path: '/wall', name: 'shell.wall' },
  { path: '/alerts', name: 'shell.alerts' },
  { path: '/load', name: 'shell.load' },
  { path: '/budget', name: 'shell.budget' },
  { path: '/system', name: 'shell.system' },
];
