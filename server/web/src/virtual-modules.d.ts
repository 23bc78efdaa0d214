// What vite.config.ts makes up.
declare module 'virtual:capture-worklet' {
  const url: string;
  export default url;
}
