// The few pictures on controls; each control has words as well.
import type { ComponentChildren, JSX } from 'preact';

function Icon({ children, size = 20 }: { readonly children: ComponentChildren; readonly size?: number }): JSX.Element {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

export const MicrophoneIcon = (): JSX.Element => (
  <Icon size={28}>
    <rect x="9" y="3" width="6" height="11" rx="3" />
    <path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3" />
  </Icon>
);

export const StopIcon = (): JSX.Element => (
  <Icon size={28}>
    <rect x="7" y="7" width="10" height="10" rx="1.500" fill="currentColor" />
  </Icon>
);

export const SunIcon = (): JSX.Element => (
  <Icon>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 3v1.500M12 19.500V21M3 12h1.500M19.500 12H21M5.600 5.600l1.100 1.100M17.300 17.300l1.100 1.100M5.600 18.400l1.100-1.100M17.300 6.700l1.100-1.100" />
  </Icon>
);

export const MoonIcon = (): JSX.Element => (
  <Icon>
    <path d="M20 14.500A8 8 0 0 1 9.500 4a8 8 0 1 0 10.500 10.500z" />
  </Icon>
);

export const ShareIcon = (): JSX.Element => (
  <Icon size={18}>
    <circle cx="6" cy="12" r="2.500" />
    <circle cx="17.500" cy="5.500" r="2.500" />
    <circle cx="17.500" cy="18.500" r="2.500" />
    <path d="M8.200 10.800l7.100-4M8.200 13.200l7.100 4" />
  </Icon>
);
