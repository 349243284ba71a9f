/**
 * Names whose values are secrets (A62), as a trie that is read from a name's end: case, dashes, underscores, dots
 * and camelCase make no difference, most names are done with after two or three characters, and nothing is copied.
 */

/** Where in a name a phrase counts. */
const anywhere = 1; // at the end, whatever stands before: `userPassword`, `dbpassword`
const asWord = 2; // at the end, as a word of its own: `card_cvv`, not `pinned` or `span`
const whole = 4; // as the whole name, or the last part of a path: `session`, `user.session`
const inQuery = 8; // as the whole name of a query parameter: `?code=`
const afterwards = 16; // says nothing by itself: `password_hash`, `newTokenValue`

const phrases: Readonly<Record<number, string>> = {
  [anywhere]: `
    password passwords passwordhash tokenhash cvv cvc ssn passwd passwort passphrase passcode pswd secret secrets token cookie cookies
    credential credentials authorization csrf xsrf
    accesstokens refreshtokens idtokens authtokens apitokens bearertokens sessiontokens
    apikey apikeys accesskey accesskeyid secretkey privatekey privatekeys privkey accountkey encryptionkey
    decryptionkey signingkey masterkey hmackey licensekey sshkey consumerkey deploykey storagekey subscriptionkey
    sharedkey authkey sessionkey webhookkey
    sessionid sessid connectsid rawheaders basicauth httpauth oauthverifier codeverifier clientassertion
    dbpass userpass smtppass mailpass mysqlpass redispass ftppass
    authcode authorizationcode verificationcode onetimecode otpcode recoverycode recoverycodes backupcodes
    mnemonic seedphrase
    cardnumber cardno cardnum ccnumber ccnum creditcard debitcard securitycode
    accountnumber accountno accountnum acctnumber acctno bankaccount routingnumber routingno sortcode
    socialsecurity socialsecuritynumber socialsecurityno
    nationalid nationalidnumber nationalidentifier nationalinsurance nationalinsurancenumber identitynumber
    passportnumber passportno passportnum passportid driverslicense driverlicense driverslicensenumber
    driverlicensenumber taxid taxpayerid aadhaar aadhar`,
  [asWord]: 'pwd passw pin pan csc cvn iban passport jwt otp totp creds sessid nino',
  [whole]: 'auth pass session bearer cred',
  [inQuery]: `
    code key sid sig signature sas ticket samlresponse googleaccessid awsaccesskeyid hmac
    xamzsignature xgoogsignature`,
  [afterwards]: `hash hashed digest value plain plaintext raw text string confirmation confirm confirmed again repeat
    repeated old new current previous encrypted base64 b64 header`,
};

const symbolCount = 36;
/** Of what stands before a sign in a text, more is not read. */
const longest = 64;
const separator = 0;
const foreign = 255;
/** Code of an ASCII character to its symbol: 1 to 26 letters, 27 to 36 digits. */
const symbols: Uint8Array = new Uint8Array(128).fill(foreign);
for (const sign of '-_. []()\'"$@:/') symbols[sign.charCodeAt(0)] = separator;
for (let i = 0; i < 26; i++) symbols[65 + i] = symbols[97 + i] = i + 1;
for (let i = 0; i < 10; i++) symbols[48 + i] = 27 + i;

/** Names to match, from the end. */
export class KeyTrie {
  #next = new Uint16Array(2048 * symbolCount);
  #kinds = new Uint8Array(2048);
  #size = 1;

  constructor(extra: readonly string[] = []) {
    for (const [kind, list] of Object.entries(phrases)) {
      for (const phrase of list.trim().split(/\s+/)) this.#add(phrase, Number(kind));
    }
    for (const name of extra) this.#add(plainName(name), whole);
  }

  /** Whether the name in `text` from `start` to `end` is a secret's; `query` for the name of a query parameter. */
  has(text: string, start = 0, end: number = text.length, query = false): boolean {
    const wanted = query ? whole | inQuery : whole;
    for (let at = end, tries = 0; at > start && tries < 4; tries++) {
      at = this.#walk(text, start, at, wanted);
      if (at === found) return true;
    }
    return false;
  }

  /** Whether the last letters before `end` may be a secret's name: quick, and wrong only in one direction. */
  mayEnd(text: string, end: number): boolean {
    let node = 0;
    let gaps = 8;
    const first = Math.max(0, end - longest);
    for (let i = end - 1; i >= first; i--) {
      const code = text.charCodeAt(i);
      const symbol = code < 128 ? symbols[code]! : foreign;
      if (symbol === separator && joins(code) && --gaps > 0) continue;
      if (symbol === foreign || symbol === separator) return false;
      if (symbol > 26 && node === 0) continue;
      node = this.#next[node * symbolCount + symbol - 1]!;
      if (node === 0) return false;
      if (this.#kinds[node] !== 0) return true;
    }
    return false;
  }

  /** `found`, or where a name without its last word or digits ends, or `start`. */
  #walk(text: string, start: number, end: number, wanted: number): number {
    let node = 0;
    let shorter = start;
    for (let i = end - 1; i >= start; i--) {
      const code = text.charCodeAt(i);
      const symbol = code < 128 ? symbols[code]! : foreign;
      if (symbol === separator) continue;
      if (symbol === foreign) break;
      node = this.#next[node * symbolCount + symbol - 1]!;
      if (node === 0) break;
      const kinds = this.#kinds[node]!;
      if (kinds === 0) continue;
      if ((kinds & anywhere) !== 0) return found;
      if ((kinds & asWord) !== 0 && beginsWord(text, start, i)) return found;
      if ((kinds & wanted) !== 0 && beginsName(text, start, i)) return found;
      if ((kinds & afterwards) !== 0 && beginsWord(text, start, i)) shorter = i;
    }
    return shorter > start ? shorter : withoutDigits(text, start, end);
  }

  #add(phrase: string, kind: number): void {
    let node = 0;
    for (let i = phrase.length - 1; i >= 0; i--) {
      const symbol = symbols[phrase.charCodeAt(i)] ?? foreign;
      if (symbol === foreign || symbol === separator) return;
      const at = node * symbolCount + symbol - 1;
      node = this.#next[at] || this.#grow(at);
    }
    if (node !== 0) this.#kinds[node]! |= kind;
  }

  #grow(at: number): number {
    if (this.#size === this.#kinds.length) {
      const next = new Uint16Array(this.#next.length * 2);
      const kinds = new Uint8Array(this.#kinds.length * 2);
      next.set(this.#next);
      kinds.set(this.#kinds);
      this.#next = next;
      this.#kinds = kinds;
    }
    this.#next[at] = this.#size;
    return this.#size++;
  }
}

const found = -1;

/** A name as it looks without case, dashes, underscores, dots and brackets. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_. [\]()'"$@:/]+/g, '');
}

/** `password2` is `password`. */
function withoutDigits(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && isDigit(text.charCodeAt(at - 1))) at--;
  return at === end ? start : at;
}

function beginsWord(text: string, start: number, at: number): boolean {
  if (at === start) return true;
  const before = text.charCodeAt(at - 1);
  return !isLetter(before) || (isUpper(text.charCodeAt(at)) && !isUpper(before));
}

/** `_session` and `user.session` are the whole name, `user_session` is not. */
function beginsName(text: string, start: number, at: number): boolean {
  let before = at - 1;
  while (before >= start && leading.includes(text[before]!)) before--;
  return before < start || pathSigns.includes(text[before]!);
}

const leading = '_-$@\'"';
const pathSigns = '.[/:]( ';

/** Within a name in a text: dash, dot, brackets, underscore. */
function joins(code: number): boolean {
  return code === 45 || code === 46 || code === 91 || code === 93 || code === 95;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isUpper(code: number): boolean {
  return code >= 65 && code <= 90;
}

function isLetter(code: number): boolean {
  const lower = code | 32;
  return lower >= 97 && lower <= 122;
}
