/** What a call of a function says of itself, in the words of the FaaS conventions. */
import type { IncomingHttpHeaders } from 'node:http';
import type { AttributeValue } from '../config/config.ts';

/** As much of AWS Lambda's context as is used; other platforms have less of it. */
export interface LambdaContext {
  readonly awsRequestId?: string;
  readonly functionName?: string;
  readonly invokedFunctionArn?: string;
  readonly getRemainingTimeInMillis?: () => number;
}

/** As much as is looked at of what API Gateway, load balancers and function URLs send, and of lists of records. */
interface Event {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly httpMethod?: unknown;
  readonly path?: unknown;
  readonly rawPath?: unknown;
  readonly resource?: unknown;
  readonly routeKey?: unknown;
  readonly requestContext?: { readonly http?: { readonly method?: unknown } };
  readonly Records?: readonly { readonly eventSource?: unknown; readonly EventSource?: unknown }[];
  readonly 'detail-type'?: unknown;
}

type Attributes = Record<string, AttributeValue>;

const pubSub = /^aws:(?:sqs|sns|kinesis)$/;
const dataSource = /^aws:(?:s3|dynamodb)$/;

let isWarm = false;

/** Whether this is the first call in this process. */
export function isColdStart(): boolean {
  const isCold = !isWarm;
  isWarm = true;
  return isCold;
}

/** The headers of the request behind an event, by lower-case name; none where it was no request. */
export function headersOf(event: unknown): IncomingHttpHeaders {
  const { headers } = (event ?? {}) as Event;
  if (typeof headers !== 'object' || headers === null) return {};
  const texts = Object.entries(headers).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(texts.map(([name, value]) => [name.toLowerCase(), value as string]));
}

export function spanAttributes(event: unknown, platform: LambdaContext): Attributes {
  const { awsRequestId: id, invokedFunctionArn: arn } = platform;
  const trigger = triggerOf(event);
  return {
    'faas.trigger': trigger,
    ...(typeof id === 'string' && { 'faas.invocation.id': id }),
    ...(typeof arn === 'string' && arnAttributes(arn)),
    ...(trigger === 'http' && requestAttributes(event as Event)),
  };
}

function triggerOf(event: unknown): string {
  const { httpMethod, requestContext, Records, 'detail-type': detail } = (event ?? {}) as Event;
  if (typeof httpMethod === 'string' || requestContext?.http !== undefined) return 'http';
  const source = String(Records?.[0]?.eventSource ?? Records?.[0]?.EventSource ?? '');
  if (pubSub.test(source)) return 'pubsub';
  if (dataSource.test(source)) return 'datasource';
  return detail === 'Scheduled Event' ? 'timer' : 'other';
}

/** `arn:aws:lambda:region:account:function:name`, perhaps with a version or an alias, which is not the function. */
function arnAttributes(arn: string): Attributes {
  const parts = arn.split(':');
  return {
    'aws.lambda.invoked_arn': arn,
    'cloud.resource_id': parts.slice(0, 7).join(':'),
    ...(parts[4] && { 'cloud.account.id': parts[4] }),
  };
}

function requestAttributes(event: Event): Attributes {
  const method = event.httpMethod ?? event.requestContext?.http?.method;
  const path = event.rawPath ?? event.path;
  // `GET /orders/{id}` or `$default`.
  const route = event.resource ?? /^\S+ (\/.*)$/.exec(String(event.routeKey))?.[1];
  return {
    ...(typeof method === 'string' && { 'http.request.method': method }),
    ...(typeof path === 'string' && { 'url.path': path }),
    ...(typeof route === 'string' && { 'http.route': route }),
  };
}
