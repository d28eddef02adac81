// Generated from /openapi.json by `npm run generate:clients`. Not to be edited.

export interface paths {
    "/payment/process": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a payment, or hold its money
         * @description Charges a card, a token or a PayPal order for a booking. A booking is paid once. With a `return_url`, the payer can authenticate or approve; with `capture_method: "manual"`, the money is held until it is captured or voided. Scope: `payments:write`.
         */
        post: operations["processPayment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payment/capture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take the money that is held
         * @description Captures the whole amount, once. A capture that is sent again takes nothing more, and gets the same answer once the payment has ended. The ids in the examples get a 404: use those in your answer of `processPayment`. Scope: `payments:write`.
         */
        post: operations["capturePayment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payment/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Release the money that is held, or stop waiting for the payer
         * @description No money is taken, and the booking can be paid again. A void that is sent again gets the same answer. The ids in the examples get a 404: use those in your answer of `processPayment`. Scope: `payments:write`.
         */
        post: operations["voidPayment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payment/refund": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refund a payment, in part or in full
         * @description A payment can be refunded in several parts. When all of it has been refunded, its booking can be paid again. The ids in the examples get a 404: use those in your answer of `processPayment`. Scope: `refunds:write`.
         */
        post: operations["refundPayment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payment/status/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How a payment or a refund ended
         * @description If a look-up of a pending payment or refund is due, this request makes it, so the answer may already be the outcome. The ids in the examples get a 404: use those in your answer of `processPayment`. Scope: `payments:read`.
         */
        get: operations["getPaymentStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payment/methods": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Which methods are enabled
         * @description Any key or token will do.
         */
        get: operations["listPaymentMethods"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payment/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search the payments
         * @description Newest first. All filters have to match. Scope: `payments:read`.
         */
        get: operations["searchTransactions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/payment/transactions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All that is recorded of one payment
         * @description The payment with its refunds, events and disputes, and its history. The ids in the examples get a 404: use those in your answer of `processPayment`. Scope: `payments:read`.
         */
        get: operations["getTransaction"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the Worker runs, and which gateway takes which method
         * @description It has no rate limit, and asks neither the database nor a gateway.
         */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether payments and events get through
         * @description For an uptime monitor, which also notices a cron that does not run. Each request reads every database once, so ask at most every 30 seconds. `HEAD` works as well.
         */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The metrics, for Prometheus
         * @description Counted once a minute. Only the organisation `default` may read them. Scope: `metrics:read`.
         */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/stripe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * For Stripe: progress of a payment, a refund or a dispute
         * @description Stripe signs each webhook. It sends a webhook again until it gets a 200.
         */
        post: operations["receiveStripeWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhooks/paypal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * For PayPal: progress of a payment, a refund or a dispute
         * @description PayPal signs each webhook. It sends a webhook again until it gets a 200.
         */
        post: operations["receivePayPalWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        PaymentRequest: {
            /** @description The user, by your own name: opaque, and kept as sent. */
            user_id: string;
            /** @description The booking, by your own name for it: opaque, and kept as sent. A booking is paid once. */
            booking_id: string;
            /** @description A decimal number, or a string with one: above 0, at most `PAYMENT_MAX_AMOUNT`, with no more decimals than the currency has. */
            amount: components["schemas"]["Amount"];
            /** @description How it is paid. */
            payment_method: components["schemas"]["PaymentMethod"];
            /** @description For cards and `stripe`, unless there is a token. */
            card_details?: components["schemas"]["CardDetails"] | null;
            /** @description In place of `card_details`: a token for a card that the payer’s browser has given to the provider, such as `pm_…`. */
            payment_method_token?: string | null;
            /** @description For `paypal`, unless there is a `return_url`: an order that the payer has approved. */
            paypal_details?: components["schemas"]["PayPalDetails"] | null;
            /** @description Copied to the events. */
            user_email?: string | null;
            /** @description Where the payer returns after authentication or approval: an https address. Without it, a card that requires authentication is declined. */
            return_url?: string | null;
            /** @description `automatic` (default), or `manual`: the money is held, and taken by a capture. */
            capture_method?: ("automatic" | "manual") | null;
            /** @description With `manual`: how long the money is held at most, from 1 to `PAYMENT_HOLD_MINUTES` (the default). */
            hold_minutes?: number | null;
            /** @description For the payer’s bank statement: 1 to 22 ASCII characters, one of them a letter, none of `< > \ ' " *`. */
            statement_descriptor_suffix?: string | null;
            /** @description Where the provider sends its receipt. It is passed on, and neither stored nor published. */
            receipt_email?: string | null;
        };
        Amount: number | string;
        /** @enum {string} */
        PaymentMethod: "credit_card" | "debit_card" | "paypal" | "stripe";
        CardDetails: {
            /** @description 12 to 19 digits with a correct check digit. Spaces and dashes between them are ignored. */
            card_number: string;
            /** @description `1` to `12`, with or without a leading zero. */
            expiry_month: string;
            /** @description Two digits or four: `30` or `2030`. */
            expiry_year: string;
            /** @description 3 digits; 3 or 4 for American Express. */
            cvv: string;
            /** @description At most 255 characters. */
            cardholder_name: string;
        };
        PayPalDetails: {
            /** @description The payer’s address. */
            email: string;
            /** @description The id of the order that the payer has approved. */
            payment_id: string;
        };
        HoldRequest: {
            /** @description The booking of the payment. */
            booking_id: string;
            /** @description The `TXN-…` of the payment. */
            transaction_id: string;
            /** @description The user of the payment. */
            user_id: string;
        };
        RefundRequest: {
            /** @description The booking of the payment. */
            booking_id: string;
            /** @description The `TXN-…` of the payment. */
            original_transaction_id: string;
            /** @description As an `amount`, and not more than is left to refund. */
            refund_amount: components["schemas"]["Amount"];
            /** @description Free text. It may be empty. */
            reason: string;
            /** @description The user of the payment. */
            user_id: string;
        };
        ErrorEnvelope: {
            /** @description The envelope that every error has. */
            error: {
                /** @description What went wrong, for programs. */
                code: components["schemas"]["ErrorCode"];
                /** @description For people. */
                message: string;
                /** @description What is known beside it. Which fields there are depends on the code. */
                details: components["schemas"]["ErrorDetails"];
            };
            /**
             * Format: date-time
             * @description When it was answered.
             */
            timestamp: string;
        };
        /** @enum {string} */
        ErrorCode: "INVALID_CARD" | "INSUFFICIENT_FUNDS" | "CARD_EXPIRED" | "CARD_DECLINED" | "PAYMENT_GATEWAY_ERROR" | "DUPLICATE_TRANSACTION" | "INVALID_AMOUNT" | "REFUND_NOT_ALLOWED" | "PAYMENT_FAILED" | "AUTHENTICATION_FAILED" | "AUTHENTICATION_EXPIRED" | "AUTHORIZATION_EXPIRED" | "PAYMENT_VOIDED" | "CAPTURE_NOT_ALLOWED" | "VOID_NOT_ALLOWED" | "PAYMENT_METHOD_DISABLED" | "IDEMPOTENCY_IN_PROGRESS" | "IDEMPOTENCY_KEY_REUSED" | "TRANSACTION_NOT_FOUND" | "UNAUTHORIZED" | "FORBIDDEN" | "HTTPS_REQUIRED" | "VALIDATION_ERROR" | "INVALID_REQUEST" | "UNSUPPORTED_MEDIA_TYPE" | "PAYLOAD_TOO_LARGE" | "NOT_FOUND" | "METHOD_NOT_ALLOWED" | "RATE_LIMIT_EXCEEDED" | "NOT_CONFIGURED" | "SERVICE_UNAVAILABLE" | "INTERNAL_ERROR";
        ErrorDetails: {
            /** @description Why, in a sentence; `null` if the gateway gave none. */
            reason?: string | null;
            /** @description The cause of the failure. */
            error_code?: components["schemas"]["ErrorCode"];
            /** @description The payment; `null` if none was recorded, or if it is archived. */
            transaction_id?: string | null;
            /** @description The id of the refund. */
            refund_transaction_id?: string;
            /** @description How the payment or the refund stands. */
            status?: components["schemas"]["TransactionStatus"] | null;
            /** @description Whether another attempt may succeed. */
            retry_possible?: boolean;
            /** @description What the caller or the payer can do. */
            next_step?: string;
            /**
             * Format: date-time
             * @description Until when the payer can authenticate or approve.
             */
            expires_at?: string;
            /**
             * @description The payment has left the database for the archive, or may have.
             * @constant
             */
            archived?: true;
            /** @description What is left to refund, without what pending refunds hold. */
            refundable_amount?: number;
            /** @description What pending refunds hold. */
            pending_refund_amount?: number;
            /** @description The fields that are not valid, at most 20. */
            issues?: components["schemas"]["Issue"][];
            /** @description The scope that the key or token lacks. */
            needed_scope?: string;
            /** @description The seconds to wait, as in `Retry-After`. */
            retry_after_seconds?: number;
            /** @description What is missing or wrong in the settings. */
            problems?: string[];
        };
        /** @enum {string} */
        TransactionStatus: "pending" | "authorized" | "completed" | "failed" | "refunded" | "reversed";
        Issue: {
            /** @description The field, such as `card_details.cvv`. */
            path: string;
            /** @description What it has to be. A value that was sent is never repeated. */
            message: string;
        };
        PaymentSuccessResponse: {
            /**
             * @description The payment is completed. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            status: "success";
            /** @description The id of the payment. */
            transaction_id: string;
            /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
            booking_id: string;
            /** @description The amount of the payment, in the currency of the installation. */
            amount: number;
            /** @description How it is paid. */
            payment_method: components["schemas"]["PaymentMethod"];
            /**
             * Format: date-time
             * @description When it was completed.
             */
            processed_at: string;
            /** @description For people. */
            message: string;
        };
        PaymentAuthorizedResponse: {
            /**
             * @description The money is held. (enum property replaced by openapi-typescript)
             * @enum {string}
             */
            status: "authorized";
            /** @description The id of the payment. */
            transaction_id: string;
            /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
            booking_id: string;
            /** @description The amount of the payment, in the currency of the installation. */
            amount: number;
            /** @description How it is paid. */
            payment_method: components["schemas"]["PaymentMethod"];
            /** @description Nothing is taken yet. */
            processed_at: null;
            /** @description For people. */
            message: string;
            /**
             * Format: date-time
             * @description Only while authorized: until when the payment can be captured.
             */
            capture_before: string;
        };
        PaymentChallengeResponse: {
            /**
             * @description The payment waits for its payer.
             * @constant
             */
            status: "pending";
            /** @description The id of the payment. */
            transaction_id: string;
            /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
            booking_id: string;
            /** @description The amount of the payment, in the currency of the installation. */
            amount: number;
            /** @description How it is paid. */
            payment_method: components["schemas"]["PaymentMethod"];
            /** @description Nothing is taken yet. */
            processed_at: null;
            /** @description For people. */
            message: string;
            /** @description What the payer has to do. */
            next_action: components["schemas"]["NextAction"];
        };
        NextAction: {
            /**
             * @description Send the payer’s browser there, by a redirect or a link.
             * @constant
             */
            type: "redirect_to_url";
            /** @description For this payer alone: it is a secret. */
            url: string;
            /**
             * Format: date-time
             * @description When the payment fails with `AUTHENTICATION_EXPIRED`, if the payer has done nothing.
             */
            expires_at: string;
        };
        PaymentFailureResponse: {
            /**
             * @description `failed`; with a 502 also `pending`: the outcome is not known yet, or the provider is still processing it.
             * @enum {string}
             */
            status: "failed" | "pending";
            /** @description The id of the payment; missing if none was recorded. */
            transaction_id?: string;
            /** @description The booking; `null` if the body cannot be read. */
            booking_id: string | null;
            /** @description The amount; `null` if it cannot be read. */
            amount: number | null;
            /** @description How it was to be paid; `null` if the body cannot be read. */
            payment_method: components["schemas"]["PaymentMethod"] | null;
            /** @description The cause. Read it here: in `error.code` it is `PAYMENT_FAILED` for all declines. */
            error_code: components["schemas"]["ErrorCode"];
            /** @description The cause of the failure, for people. */
            error_message: string;
            /** @description When it was completed, or failed; `null` while it is pending or authorized. */
            processed_at: string | null;
            /** @description The envelope that every error has. */
            error: {
                /** @description What went wrong, for programs. */
                code: components["schemas"]["ErrorCode"];
                /** @description For people. */
                message: string;
                /** @description What is known beside it. Which fields there are depends on the code. */
                details: components["schemas"]["ErrorDetails"];
            };
            /**
             * Format: date-time
             * @description When it was answered.
             */
            timestamp: string;
        };
        PaymentVoidedResponse: {
            /**
             * @description The payment has ended, and no money is taken.
             * @constant
             */
            status: "failed";
            /** @description The id of the payment. */
            transaction_id: string;
            /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
            booking_id: string;
            /** @description The amount of the payment, in the currency of the installation. */
            amount: number;
            /** @description How it is paid. */
            payment_method: components["schemas"]["PaymentMethod"];
            /**
             * @description The cause of the failure.
             * @constant
             */
            error_code: "PAYMENT_VOIDED";
            /** @description The cause of the failure, for people. */
            error_message: string;
            /**
             * Format: date-time
             * @description When it was voided.
             */
            processed_at: string;
            /** @description For people. */
            message: string;
        };
        RefundSuccessResponse: {
            /**
             * @description The refund is completed.
             * @constant
             */
            status: "success";
            /** @description The id of the refund. */
            refund_transaction_id: string;
            /** @description The payment that is refunded. */
            original_transaction_id: string;
            /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
            booking_id: string;
            /** @description The amount of the refund. */
            refund_amount: number;
            /**
             * Format: date-time
             * @description When it was completed.
             */
            processed_at: string;
            /** @description For people. */
            message: string;
        };
        StatusResponse: {
            /** @description The id that was asked for: of a payment, or of a refund. */
            transaction_id: string;
            /** @description Of a payment: `pending`, `authorized`, `completed`, `failed` or `refunded` (all of it). Of a refund: `pending`, `completed`, `failed` or `reversed` (the payer’s bank returned the money). */
            status: components["schemas"]["TransactionStatus"];
            /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
            booking_id: string;
            /** @description Of the payment, or of the refund. */
            amount: number;
            /** @description How it is paid. */
            payment_method: components["schemas"]["PaymentMethod"];
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            created_at: string;
            /** @description When it was completed, or failed; `null` while it is pending or authorized. */
            processed_at: string | null;
            /**
             * Format: date-time
             * @description Only while authorized: until when the payment can be captured.
             */
            capture_before?: string;
            /** @description Only once something has been refunded: what of it. */
            refunded_amount?: number;
            /** @description With `refunded_amount`: what is left to refund, without what pending refunds hold. */
            refundable_amount?: number;
            /** @description Only of a refund: its payment. */
            original_transaction_id?: string;
        };
        PaymentMethodsResponse: {
            /** @description All methods. */
            payment_methods: components["schemas"]["PaymentMethodDescription"][];
        };
        PaymentMethodDescription: {
            /** @description The `payment_method` of a request. */
            id: components["schemas"]["PaymentMethod"];
            /** @description For people. */
            name: string;
            /** @description For people. */
            description: string;
            /** @description Whether a payment by this method is accepted. */
            enabled: boolean;
        };
        SearchResponse: {
            /** @description Newest first. */
            transactions: components["schemas"]["FoundTransaction"][];
            /** @description The `cursor` of the next page; `null` if there are no more. */
            next_cursor: string | null;
        };
        FoundTransaction: {
            /** @description The id of the payment. */
            transaction_id: string;
            /**
             * @description How the payment stands.
             * @enum {string}
             */
            status: "pending" | "authorized" | "completed" | "failed" | "refunded";
            /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
            booking_id: string;
            /** @description The user, by the caller’s own name: opaque, and kept as it was sent. */
            user_id: string;
            /** @description The amount of the payment, in the currency of the installation. */
            amount: number;
            /** @description ISO 4217, such as `USD`. */
            currency: string;
            /**
             * @description How it is paid.
             * @enum {string}
             */
            payment_method: "credit_card" | "debit_card" | "paypal" | "stripe";
            /** @description Who was asked to charge it, such as `sandbox` or `stripe`. */
            gateway: string;
            /** @description The provider’s own id; `null` until there is one. */
            gateway_reference: string | null;
            /** @description Of a card: its brand. */
            card_brand: string | null;
            /** @description Of a card: its last four digits, all that is kept of its number. */
            card_last4: string | null;
            /** @description What of it has been refunded. */
            refunded_amount: number;
            /** @description The cause of the failure. */
            error_code: ("INVALID_CARD" | "INSUFFICIENT_FUNDS" | "CARD_EXPIRED" | "CARD_DECLINED" | "PAYMENT_GATEWAY_ERROR" | "DUPLICATE_TRANSACTION" | "INVALID_AMOUNT" | "REFUND_NOT_ALLOWED" | "PAYMENT_FAILED" | "AUTHENTICATION_FAILED" | "AUTHENTICATION_EXPIRED" | "AUTHORIZATION_EXPIRED" | "PAYMENT_VOIDED" | "CAPTURE_NOT_ALLOWED" | "VOID_NOT_ALLOWED" | "PAYMENT_METHOD_DISABLED" | "IDEMPOTENCY_IN_PROGRESS" | "IDEMPOTENCY_KEY_REUSED" | "TRANSACTION_NOT_FOUND" | "UNAUTHORIZED" | "FORBIDDEN" | "HTTPS_REQUIRED" | "VALIDATION_ERROR" | "INVALID_REQUEST" | "UNSUPPORTED_MEDIA_TYPE" | "PAYLOAD_TOO_LARGE" | "NOT_FOUND" | "METHOD_NOT_ALLOWED" | "RATE_LIMIT_EXCEEDED" | "NOT_CONFIGURED" | "SERVICE_UNAVAILABLE" | "INTERNAL_ERROR") | null;
            /** @description The cause of the failure, for people. */
            error_message: string | null;
            /**
             * Format: date-time
             * @description When it was recorded.
             */
            created_at: string;
            /** @description When it was completed, or failed; `null` while it is pending or authorized. */
            processed_at: string | null;
        };
        StoryResponse: {
            /** @description The payment. */
            transaction: {
                /** @description The id of the payment. */
                transaction_id: string;
                /**
                 * @description How the payment stands.
                 * @enum {string}
                 */
                status: "pending" | "authorized" | "completed" | "failed" | "refunded";
                /** @description The booking, by the caller’s own name for it: opaque, and kept as it was sent. */
                booking_id: string;
                /** @description The user, by the caller’s own name: opaque, and kept as it was sent. */
                user_id: string;
                /** @description The amount of the payment, in the currency of the installation. */
                amount: number;
                /** @description ISO 4217, such as `USD`. */
                currency: string;
                /**
                 * @description How it is paid.
                 * @enum {string}
                 */
                payment_method: "credit_card" | "debit_card" | "paypal" | "stripe";
                /** @description Who was asked to charge it, such as `sandbox` or `stripe`. */
                gateway: string;
                /** @description The provider’s own id; `null` until there is one. */
                gateway_reference: string | null;
                /** @description Of a card: its brand. */
                card_brand: string | null;
                /** @description Of a card: its last four digits, all that is kept of its number. */
                card_last4: string | null;
                /** @description What of it has been refunded. */
                refunded_amount: number;
                /** @description The cause of the failure. */
                error_code: ("INVALID_CARD" | "INSUFFICIENT_FUNDS" | "CARD_EXPIRED" | "CARD_DECLINED" | "PAYMENT_GATEWAY_ERROR" | "DUPLICATE_TRANSACTION" | "INVALID_AMOUNT" | "REFUND_NOT_ALLOWED" | "PAYMENT_FAILED" | "AUTHENTICATION_FAILED" | "AUTHENTICATION_EXPIRED" | "AUTHORIZATION_EXPIRED" | "PAYMENT_VOIDED" | "CAPTURE_NOT_ALLOWED" | "VOID_NOT_ALLOWED" | "PAYMENT_METHOD_DISABLED" | "IDEMPOTENCY_IN_PROGRESS" | "IDEMPOTENCY_KEY_REUSED" | "TRANSACTION_NOT_FOUND" | "UNAUTHORIZED" | "FORBIDDEN" | "HTTPS_REQUIRED" | "VALIDATION_ERROR" | "INVALID_REQUEST" | "UNSUPPORTED_MEDIA_TYPE" | "PAYLOAD_TOO_LARGE" | "NOT_FOUND" | "METHOD_NOT_ALLOWED" | "RATE_LIMIT_EXCEEDED" | "NOT_CONFIGURED" | "SERVICE_UNAVAILABLE" | "INTERNAL_ERROR") | null;
                /** @description The cause of the failure, for people. */
                error_message: string | null;
                /**
                 * Format: date-time
                 * @description When it was recorded.
                 */
                created_at: string;
                /** @description When it was completed, or failed; `null` while it is pending or authorized. */
                processed_at: string | null;
                /**
                 * @description `automatic`: the money is taken at once. `manual`: it is held, and taken by a capture.
                 * @enum {string}
                 */
                capture_method: "automatic" | "manual";
                /** @description Of a payment whose money is held: how long at most. */
                hold_minutes: number | null;
                /** @description What is left to refund, without what pending refunds hold. */
                refundable_amount: number;
                /** @description What pending refunds hold. */
                pending_refund_amount: number;
                /** @description Of a payment that waits for its payer, or is held: until when. */
                expires_at: string | null;
                /** @description What the provider calls the payment before money moves: an order, an intent. */
                gateway_intent: string | null;
                /** @description When the gateway is asked next; `null` if it is not going to be asked. */
                next_look_up_at: string | null;
                /** @description How often the gateway has been asked since the outcome became unknown. */
                look_ups: number;
            };
            /** @description Its refunds. */
            refunds: {
                /** @description The id of the refund. */
                refund_transaction_id: string;
                /**
                 * @description `requested`; or `late_charge`: of a charge that turned up after its payment had failed; or `external`: made at the provider.
                 * @enum {string}
                 */
                kind: "requested" | "late_charge" | "external";
                /**
                 * @description How the payment stands.
                 * @enum {string}
                 */
                status: "pending" | "completed" | "failed" | "reversed";
                /** @description The amount of the refund. */
                refund_amount: number;
                /** @description Why it was refunded, or disputed. */
                reason: string;
                /** @description The provider’s own id; `null` until there is one. */
                gateway_reference: string | null;
                /** @description The cause of the failure. */
                error_code: ("INVALID_CARD" | "INSUFFICIENT_FUNDS" | "CARD_EXPIRED" | "CARD_DECLINED" | "PAYMENT_GATEWAY_ERROR" | "DUPLICATE_TRANSACTION" | "INVALID_AMOUNT" | "REFUND_NOT_ALLOWED" | "PAYMENT_FAILED" | "AUTHENTICATION_FAILED" | "AUTHENTICATION_EXPIRED" | "AUTHORIZATION_EXPIRED" | "PAYMENT_VOIDED" | "CAPTURE_NOT_ALLOWED" | "VOID_NOT_ALLOWED" | "PAYMENT_METHOD_DISABLED" | "IDEMPOTENCY_IN_PROGRESS" | "IDEMPOTENCY_KEY_REUSED" | "TRANSACTION_NOT_FOUND" | "UNAUTHORIZED" | "FORBIDDEN" | "HTTPS_REQUIRED" | "VALIDATION_ERROR" | "INVALID_REQUEST" | "UNSUPPORTED_MEDIA_TYPE" | "PAYLOAD_TOO_LARGE" | "NOT_FOUND" | "METHOD_NOT_ALLOWED" | "RATE_LIMIT_EXCEEDED" | "NOT_CONFIGURED" | "SERVICE_UNAVAILABLE" | "INTERNAL_ERROR") | null;
                /** @description The cause of the failure, for people. */
                error_message: string | null;
                /**
                 * Format: date-time
                 * @description When it was recorded.
                 */
                created_at: string;
                /** @description When it was completed, or failed; `null` while it is pending or authorized. */
                processed_at: string | null;
            }[];
            /** @description Its events, and whether RabbitMQ has them. */
            events: {
                /** @description The id of the event. */
                event_id: string;
                /**
                 * @description What the event says.
                 * @enum {string}
                 */
                event_type: "payment.success" | "payment.failed" | "payment.refund" | "payment.dispute";
                /**
                 * Format: date-time
                 * @description When it was recorded.
                 */
                created_at: string;
                /** @description When RabbitMQ confirmed it; `null` while it waits. */
                delivered_at: string | null;
                /** @description How often it was sent. */
                attempts: number;
                /** @description Why it was not delivered the last time. */
                last_error: string | null;
            }[];
            /** @description Its disputes. */
            disputes: {
                /** @description Whose dispute it is. */
                provider: string;
                /** @description The provider’s id of the dispute. */
                dispute_id: string;
                /** @description How the payment stands. */
                status: string;
                /** @description Why it was refunded, or disputed. */
                reason: string;
                /** @description The amount of the payment, in the currency of the installation. */
                amount: number;
                /** @description ISO 4217, such as `USD`. */
                currency: string;
                /**
                 * Format: date-time
                 * @description When the dispute was opened.
                 */
                opened_at: string;
                /**
                 * Format: date-time
                 * @description When the provider reported this status.
                 */
                reported_at: string;
            }[];
            /** @description What happened to it, in order of time. */
            history: {
                /**
                 * Format: date-time
                 * @description When it happened, to the millisecond.
                 */
                at: string;
                /**
                 * @description What happened.
                 * @enum {string}
                 */
                type: "payment.attempted" | "payment.challenged" | "payment.authorized" | "payment.authorize_begun" | "payment.capture_begun" | "payment.void_begun" | "payment.expire_begun" | "payment.outcome_undetermined" | "payment.completed" | "payment.failed" | "booking.attempted" | "refund.attempted" | "refund.outcome_undetermined" | "refund.completed" | "refund.failed" | "refund.reversed" | "refund.unbooked" | "dispute.opened" | "dispute.reported" | "event.written" | "event.replayed" | "event.delivered" | "webhook.handled" | "resolution.recorded";
                /** @description The payment, refund, dispute, event or webhook that it happened to. */
                id: string;
                /** @description Who did it: `key:…`, `jwt:…`, `webhook:stripe`, `cron`, `operator:…`; `null` where the audit log does not say. */
                actor: string | null;
                /** @description The request that did it, as in the log. */
                request_id: string | null;
                /** @description The number of the entry in the audit log. */
                audit_entry: number | null;
                /** @description What is known beside it. */
                detail: {
                    [key: string]: string | number | boolean | null;
                };
            }[];
            /** @description Whether all of it is shown: of each kind, up to 200. */
            is_complete: boolean;
        };
        HealthResponse: {
            /**
             * @description The Worker runs.
             * @constant
             */
            status: "healthy";
            /**
             * @description The name of the service.
             * @constant
             */
            service: "payment-service";
            /**
             * Format: date-time
             * @description When it was answered.
             */
            timestamp: string;
            /** @description Which gateway takes new payments by each method. Missing until the service is configured. */
            payment_gateways?: {
                /** @description A gateway, or `null`: the method is disabled. */
                credit_card: string | null;
                /** @description A gateway, or `null`: the method is disabled. */
                debit_card: string | null;
                /** @description A gateway, or `null`: the method is disabled. */
                paypal: string | null;
                /** @description A gateway, or `null`: the method is disabled. */
                stripe: string | null;
            };
        };
        ReadyResponse: {
            /**
             * @description `not_ready` if payments or events do not get through.
             * @enum {string}
             */
            status: "ready" | "not_ready";
            /** @description All problems. With `ready`, each of them can wait. */
            problems: components["schemas"]["ReadyProblem"][];
        };
        ReadyProblem: {
            /**
             * @description The name of the alert.
             * @enum {string}
             */
            alert: "events_waiting" | "pending_growing" | "success_rate_low" | "database_filling" | "reconciliation_differs" | "bridge_away" | "job_not_run" | "cron_not_run" | "needs_person" | "database_away";
            /**
             * Format: date-time
             * @description When the problem began.
             */
            since: string;
            /** @description The problem in a sentence. The figures are in the alert. */
            message: string;
        };
        WebhookResponse: {
            /**
             * @description It need not be sent again.
             * @constant
             */
            received: true;
        };
    };
    responses: {
        /** @description The key or token is missing or not valid. */
        Unauthorized: {
            headers: {
                /**
                 * @description How to authenticate, and why the key or token was refused (RFC 6750).
                 * @example Bearer realm="payment-service", error="invalid_token", error_description="The token has expired"
                 */
                "WWW-Authenticate": string;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit": number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining": number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset": number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy": string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The request came over plain HTTP. */
        HttpsRequired: {
            headers: {
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit"?: number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining"?: number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset"?: number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit?: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The key or token lacks the scope `payments:read`, or the request came over plain HTTP. */
        NeedsPaymentsRead: {
            headers: {
                /**
                 * @description How to authenticate, and why the key or token was refused (RFC 6750).
                 * @example Bearer realm="payment-service", error="insufficient_scope", scope="payments:read"
                 */
                "WWW-Authenticate"?: string;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit"?: number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining"?: number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset"?: number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit?: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The key or token lacks the scope `payments:write`, or the request came over plain HTTP. */
        NeedsPaymentsWrite: {
            headers: {
                /**
                 * @description How to authenticate, and why the key or token was refused (RFC 6750).
                 * @example Bearer realm="payment-service", error="insufficient_scope", scope="payments:write"
                 */
                "WWW-Authenticate"?: string;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit"?: number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining"?: number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset"?: number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit?: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The key or token lacks the scope `refunds:write`, or the request came over plain HTTP. */
        NeedsRefundsWrite: {
            headers: {
                /**
                 * @description How to authenticate, and why the key or token was refused (RFC 6750).
                 * @example Bearer realm="payment-service", error="insufficient_scope", scope="refunds:write"
                 */
                "WWW-Authenticate"?: string;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit"?: number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining"?: number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset"?: number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit?: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The key or token lacks the scope `metrics:read`, or the request came over plain HTTP. */
        NeedsMetricsRead: {
            headers: {
                /**
                 * @description How to authenticate, and why the key or token was refused (RFC 6750).
                 * @example Bearer realm="payment-service", error="insufficient_scope", scope="metrics:read"
                 */
                "WWW-Authenticate"?: string;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit"?: number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining"?: number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset"?: number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit?: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The path has no such method. */
        AnswersGetOnly: {
            headers: {
                /**
                 * @description The methods that the path has.
                 * @example GET, HEAD
                 */
                Allow: string;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit": number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining": number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset": number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy": string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The path has no such method. */
        AnswersPostOnly: {
            headers: {
                /**
                 * @description The methods that the path has.
                 * @example POST
                 */
                Allow: string;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit": number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining": number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset": number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy": string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The request body is too large. */
        PayloadTooLarge: {
            headers: {
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit": number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining": number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset": number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy": string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The body is not JSON, or is compressed. */
        UnsupportedMediaType: {
            headers: {
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit": number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining": number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset": number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy": string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description Too many requests of this address. */
        TooManyRequests: {
            headers: {
                /**
                 * @description The seconds to wait before the request is sent again.
                 * @example 7
                 */
                "Retry-After": number;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit": number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining": number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset": number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy": string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description A bug. The log has it under the `X-Request-Id` of the answer. */
        InternalError: {
            headers: {
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit"?: number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining"?: number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset"?: number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit?: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
        /** @description The service is not configured, or something that it needs does not answer. Nothing was charged. */
        Unavailable: {
            headers: {
                /**
                 * @description The seconds to wait before the request is sent again.
                 * @example 7
                 */
                "Retry-After"?: number;
                /**
                 * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                 * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                 */
                "X-Request-Id": string;
                /**
                 * @description How many requests of a client address are admitted in a minute.
                 * @example 100
                 */
                "X-RateLimit-Limit"?: number;
                /**
                 * @description How many more would be admitted now, by whichever limit is closer to being reached.
                 * @example 19
                 */
                "X-RateLimit-Remaining"?: number;
                /**
                 * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                 * @example 1795452839
                 */
                "X-RateLimit-Reset"?: number;
                /**
                 * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                 * @example "burst";r=19;t=10, "minute";r=99;t=60
                 */
                RateLimit?: string;
                /**
                 * @description The limits: how many requests (`q`) in how many seconds (`w`).
                 * @example "burst";q=20;w=10, "minute";q=100;w=60
                 */
                "RateLimit-Policy"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorEnvelope"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    processPayment: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 printable ASCII characters, in quotes or without; a key with a comma needs the quotes. The same request with the same key is one payment or one refund: each answer is that of the first request. A key is kept for 24 hours. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PaymentRequest"];
            };
        };
        responses: {
            /** @description The payment is completed; or, only with `capture_method: "manual"`, its money is held. */
            200: {
                headers: {
                    /**
                     * @description `true` if this is the answer to an earlier request with the same `Idempotency-Key`.
                     * @example true
                     */
                    "Idempotent-Replayed"?: "true";
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentSuccessResponse"] | components["schemas"]["PaymentAuthorizedResponse"];
                };
            };
            /** @description Only with a `return_url`: the payer has to authenticate or approve. Send them to `next_action.url`. */
            202: {
                headers: {
                    /**
                     * @description `true` if this is the answer to an earlier request with the same `Idempotency-Key`.
                     * @example true
                     */
                    "Idempotent-Replayed"?: "true";
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentChallengeResponse"];
                };
            };
            /** @description The payment failed, or the request cannot become one. Read the cause from `error_code`. A payment was recorded if there is a `transaction_id`. */
            400: {
                headers: {
                    /**
                     * @description `true` if this is the answer to an earlier request with the same `Idempotency-Key`.
                     * @example true
                     */
                    "Idempotent-Replayed"?: "true";
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentFailureResponse"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsPaymentsWrite"];
            405: components["responses"]["AnswersPostOnly"];
            /** @description The booking is paid or has a pending payment, the PayPal order is used, or the request with this `Idempotency-Key` has no outcome yet. */
            409: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After"?: number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description A field is missing or wrong, or the `Idempotency-Key` belongs to another request. */
            422: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description Too many requests of this address, or too many attempts to pay. */
            429: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After": number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            500: components["responses"]["InternalError"];
            /** @description The gateway failed: no money moved if `status` is `failed`. With `pending`, the outcome is not known yet, or the provider is still processing the payment: poll its status. */
            502: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After"?: number;
                    /**
                     * @description `true` if this is the answer to an earlier request with the same `Idempotency-Key`.
                     * @example true
                     */
                    "Idempotent-Replayed"?: "true";
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentFailureResponse"];
                };
            };
            503: components["responses"]["Unavailable"];
        };
    };
    capturePayment: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HoldRequest"];
            };
        };
        responses: {
            /** @description The money is taken, by this request or by an earlier one. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentSuccessResponse"];
                };
            };
            /** @description It cannot be captured; or the provider refused the capture, and the payment has failed. A failed payment has both shapes of error. */
            400: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"] | components["schemas"]["PaymentFailureResponse"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsPaymentsWrite"];
            /** @description There is no such payment or refund, it belongs to another organisation, or it is archived. */
            404: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            405: components["responses"]["AnswersPostOnly"];
            /** @description It is being captured, voided or expired, or was voided or has expired. */
            409: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description A field is missing or wrong. */
            422: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            /** @description With `pending`, the outcome is not known yet: poll the status. With `failed`, the gateway failed, certainly without a charge. */
            502: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentFailureResponse"];
                };
            };
            503: components["responses"]["Unavailable"];
        };
    };
    voidPayment: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HoldRequest"];
            };
        };
        responses: {
            /** @description The payment is voided, by this request or by an earlier one. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentVoidedResponse"];
                };
            };
            /** @description It is neither held nor waiting for its payer, or belongs to another booking or another user. */
            400: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsPaymentsWrite"];
            /** @description There is no such payment or refund, it belongs to another organisation, or it is archived. */
            404: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            405: components["responses"]["AnswersPostOnly"];
            /** @description It is being captured, voided or expired, or was captured or has expired; or the payer was faster. With `completed`, the money was taken. */
            409: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description A field is missing or wrong. */
            422: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            /** @description `status` is `pending`: the provider has not confirmed it yet. Poll the status. */
            502: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentFailureResponse"];
                };
            };
            503: components["responses"]["Unavailable"];
        };
    };
    refundPayment: {
        parameters: {
            query?: never;
            header?: {
                /** @description 1 to 255 printable ASCII characters, in quotes or without; a key with a comma needs the quotes. The same request with the same key is one payment or one refund: each answer is that of the first request. A key is kept for 24 hours. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefundRequest"];
            };
        };
        responses: {
            /** @description The refund is completed. */
            200: {
                headers: {
                    /**
                     * @description `true` if this is the answer to an earlier request with the same `Idempotency-Key`.
                     * @example true
                     */
                    "Idempotent-Replayed"?: "true";
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RefundSuccessResponse"];
                };
            };
            /** @description Nothing was refunded, or the payer’s bank returned the refund. */
            400: {
                headers: {
                    /**
                     * @description `true` if this is the answer to an earlier request with the same `Idempotency-Key`.
                     * @example true
                     */
                    "Idempotent-Replayed"?: "true";
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsRefundsWrite"];
            /** @description There is no such payment, it belongs to another organisation, or it is archived. */
            404: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            405: components["responses"]["AnswersPostOnly"];
            /** @description The request with this `Idempotency-Key` has no outcome yet. */
            409: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After": number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            413: components["responses"]["PayloadTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description A field is missing or wrong, or the `Idempotency-Key` belongs to another request. */
            422: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            /** @description With `details.status` `failed`, no money moved. With `pending`, the outcome is not known yet, or the provider is still processing the refund: poll its status. */
            502: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After"?: number;
                    /**
                     * @description `true` if this is the answer to an earlier request with the same `Idempotency-Key`.
                     * @example true
                     */
                    "Idempotent-Replayed"?: "true";
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description Nothing was refunded; but with a `details.refund_transaction_id`, the refund may be paid later: ask for its status before you send another one. */
            503: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After"?: number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit"?: number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining"?: number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset"?: number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit?: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
        };
    };
    getPaymentStatus: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `TXN-…` of a payment, or the `REF-…` of a refund.
                 * @example TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Its status. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatusResponse"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsPaymentsRead"];
            /** @description There is no such payment or refund, it belongs to another organisation, or it is archived. */
            404: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            405: components["responses"]["AnswersGetOnly"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Unavailable"];
        };
    };
    listPaymentMethods: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All methods, and whether each is enabled. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentMethodsResponse"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["HttpsRequired"];
            405: components["responses"]["AnswersGetOnly"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Unavailable"];
        };
    };
    searchTransactions: {
        parameters: {
            query?: {
                /** @description Payments of this booking. */
                booking_id?: string;
                /** @description Payments of this user. */
                user_id?: string;
                /** @description Payments with this status; `refunded` is all of it. */
                status?: "pending" | "authorized" | "completed" | "failed" | "refunded";
                /** @description Payments by this method. */
                payment_method?: "credit_card" | "debit_card" | "paypal" | "stripe";
                /** @description Payments by this kind of gateway, such as `stripe`. */
                gateway?: string;
                /** @description The payment with this id at the provider: of the charge or of a refund; also of the order or intent, unless the payment has failed. */
                reference?: string;
                /** @description From this time on: ISO 8601, such as `2026-11-22` or `2026-11-22T18:30:00Z`. Without a zone it is UTC. */
                created_from?: string;
                /** @description Up to and without this time. */
                created_to?: string;
                /** @description How many payments a page has at most. */
                limit?: number;
                /** @description The `next_cursor` of the page before. The filters have to be the same. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of payments. It may have fewer than `limit`, even none, while there is a `next_cursor`: ask for the next page with the same filters and `cursor`. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SearchResponse"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsPaymentsRead"];
            405: components["responses"]["AnswersGetOnly"];
            /** @description A filter is unknown or wrong. */
            422: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Unavailable"];
        };
    };
    getTransaction: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The `TXN-…` of a payment, or the `REF-…` of one of its refunds.
                 * @example TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD
                 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The payment. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StoryResponse"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsPaymentsRead"];
            /** @description There is no such payment or refund, it belongs to another organisation, or it is archived. */
            404: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            405: components["responses"]["AnswersGetOnly"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Unavailable"];
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The Worker runs. `payment_gateways` is missing until the service is configured. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthResponse"];
                };
            };
            /** @description The path has no such method. */
            405: {
                headers: {
                    /**
                     * @description The methods that the path has.
                     * @example GET, HEAD
                     */
                    Allow: string;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description A bug. The log has it under the `X-Request-Id` of the answer. */
            500: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Payments and events get through. `problems` lists what needs attention later. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 60
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=59;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=60;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadyResponse"];
                };
            };
            403: components["responses"]["HttpsRequired"];
            /** @description The path has no such method. */
            405: {
                headers: {
                    /**
                     * @description The methods that the path has.
                     * @example GET, HEAD
                     */
                    Allow: string;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 60
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=59;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=60;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description Too many requests of this address. */
            429: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After": number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 60
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 0
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=59;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=60;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            500: components["responses"]["InternalError"];
            /** @description Payments or events do not get through, or the service is not configured. */
            503: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After"?: number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 60
                     */
                    "X-RateLimit-Limit"?: number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining"?: number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset"?: number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=59;t=60
                     */
                    RateLimit?: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=60;w=60
                     */
                    "RateLimit-Policy"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadyResponse"] | components["schemas"]["ErrorEnvelope"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All metrics, in the text format of OpenMetrics 1.0. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 100
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 19
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=19;t=10, "minute";r=99;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=20;w=10, "minute";q=100;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/openmetrics-text; version=1.0.0; charset=utf-8": string;
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NeedsMetricsRead"];
            405: components["responses"]["AnswersGetOnly"];
            429: components["responses"]["TooManyRequests"];
            500: components["responses"]["InternalError"];
            503: components["responses"]["Unavailable"];
        };
    };
    receiveStripeWebhook: {
        parameters: {
            query?: never;
            header: {
                /** @description The time and the signature of the body. */
                "Stripe-Signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description The event was handled, or is of no interest. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookResponse"];
                };
            };
            /** @description The signature or the body is not valid; the message names the cause. */
            400: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            403: components["responses"]["HttpsRequired"];
            /** @description No payments are taken with Stripe. */
            404: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description The path has no such method. */
            405: {
                headers: {
                    /**
                     * @description The methods that the path has.
                     * @example POST
                     */
                    Allow: string;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description The webhook is too large. */
            413: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description Too many webhooks of this address. */
            429: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After": number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 0
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            500: components["responses"]["InternalError"];
            503: components["responses"]["Unavailable"];
        };
    };
    receivePayPalWebhook: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the transmission, which is signed. */
                "PayPal-Transmission-Id": string;
                /** @description When it was sent. */
                "PayPal-Transmission-Time": string;
                /** @description The signature. */
                "PayPal-Transmission-Sig": string;
                /** @description The certificate that it was signed with. */
                "PayPal-Cert-Url": string;
                /** @description How it was signed: `SHA256withRSA`. */
                "PayPal-Auth-Algo": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description The event was handled, or is of no interest. */
            200: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookResponse"];
                };
            };
            /** @description The signature or the body is not valid; the message names the cause. */
            400: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            403: components["responses"]["HttpsRequired"];
            /** @description No payments are taken with PayPal. */
            404: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description The path has no such method. */
            405: {
                headers: {
                    /**
                     * @description The methods that the path has.
                     * @example POST
                     */
                    Allow: string;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description The webhook is too large. */
            413: {
                headers: {
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 299
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            /** @description Too many webhooks of this address. */
            429: {
                headers: {
                    /**
                     * @description The seconds to wait before the request is sent again.
                     * @example 7
                     */
                    "Retry-After": number;
                    /**
                     * @description The id of the request: its own `X-Request-Id`, or a new one. The log of the service has the same.
                     * @example c0a8f6f2-6a0e-4a53-9d1e-0d7c1d7f2f0b
                     */
                    "X-Request-Id": string;
                    /**
                     * @description How many requests of a client address are admitted in a minute.
                     * @example 1000
                     */
                    "X-RateLimit-Limit": number;
                    /**
                     * @description How many more would be admitted now, by whichever limit is closer to being reached.
                     * @example 0
                     */
                    "X-RateLimit-Remaining": number;
                    /**
                     * @description When `X-RateLimit-Remaining` next grows, in seconds since 1970.
                     * @example 1795452839
                     */
                    "X-RateLimit-Reset": number;
                    /**
                     * @description What remains of each limit, and the seconds until it grows (draft-ietf-httpapi-ratelimit-headers).
                     * @example "burst";r=299;t=10, "minute";r=999;t=60
                     */
                    RateLimit: string;
                    /**
                     * @description The limits: how many requests (`q`) in how many seconds (`w`).
                     * @example "burst";q=300;w=10, "minute";q=1000;w=60
                     */
                    "RateLimit-Policy": string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorEnvelope"];
                };
            };
            500: components["responses"]["InternalError"];
            503: components["responses"]["Unavailable"];
        };
    };
}
