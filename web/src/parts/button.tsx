import { type JSX, splitProps } from 'solid-js';

export interface ButtonProps extends JSX.ButtonHTMLAttributes<HTMLButtonElement> {
  /** Default `plain`. */
  look?: 'plain' | 'primary' | 'danger' | 'quiet';
}

/** A button of the page's looks; `type` defaults to `button`. */
export function Button(props: ButtonProps) {
  const [own, rest] = splitProps(props, ['look', 'class']);
  return <button type="button" {...rest} class={`button ${own.look ?? 'plain'} ${own.class ?? ''}`} />;
}
