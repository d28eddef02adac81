/** A style sheet that a module brings with it: Vite takes it out. */
declare module '*.css';
