// The script is imported as a text.

declare const text: string;
export default text;
