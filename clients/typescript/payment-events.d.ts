// Generated from docs/asyncapi.yaml by `npm run generate:clients`. Not to be edited.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The application headers. A broker or a plug-in may add others, such as x-death. */
        Headers: {
            /**
             * @description X-Request-Id of the HTTP request that caused the event: of the payment, capture, void, refund or status request, or of the
             *     provider's webhook. Absent if the outcome was found without a request, or if the event is sent more than about an hour later.
             */
            "x-request-id"?: string;
        };
        /** @description The properties of each message, beside its headers. */
        AmqpProperties: {
            /** @description The event's `event_id`. */
            message_id: string;
            /** @description The event's `event_type`, which is the routing key as well. */
            type: string;
            /** @constant */
            app_id: "payment-service";
            /** @description The event's `timestamp`, in seconds since 1970. */
            timestamp: number;
            /** @constant */
            content_type: "application/json";
            /**
             * @description Persistent.
             * @constant
             */
            delivery_mode: 2;
        };
        /** @description Identifies the event. It stays the same if the event is sent again. */
        EventId: string;
        /** @description `user_id` of the payment request. */
        UserId: string;
        /** @description `user_email` of the payment request, else `paypal_details.email`, else null. */
        UserEmail: string | null;
        /** @description `booking_id` of the payment request. */
        BookingId: string;
        /** @description Identifies the payment. Starts with TXN-. */
        TransactionId: string;
        /** @description A decimal number in PAYMENT_CURRENCY, such as 25.5. */
        Amount: number;
        /** @enum {string} */
        PaymentMethod: "credit_card" | "debit_card" | "paypal" | "stripe";
        /**
         * @description The cause of the failure, as `error_code` of the answer.
         * @enum {string}
         */
        ErrorCode: "INVALID_CARD" | "INSUFFICIENT_FUNDS" | "CARD_EXPIRED" | "CARD_DECLINED" | "PAYMENT_GATEWAY_ERROR" | "DUPLICATE_TRANSACTION" | "INVALID_AMOUNT" | "REFUND_NOT_ALLOWED" | "PAYMENT_FAILED" | "AUTHENTICATION_FAILED" | "AUTHENTICATION_EXPIRED" | "AUTHORIZATION_EXPIRED" | "PAYMENT_VOIDED" | "CAPTURE_NOT_ALLOWED" | "VOID_NOT_ALLOWED" | "PAYMENT_METHOD_DISABLED" | "IDEMPOTENCY_IN_PROGRESS" | "IDEMPOTENCY_KEY_REUSED" | "TRANSACTION_NOT_FOUND" | "UNAUTHORIZED" | "FORBIDDEN" | "HTTPS_REQUIRED" | "VALIDATION_ERROR" | "INVALID_REQUEST" | "UNSUPPORTED_MEDIA_TYPE" | "PAYLOAD_TOO_LARGE" | "NOT_FOUND" | "METHOD_NOT_ALLOWED" | "RATE_LIMIT_EXCEEDED" | "NOT_CONFIGURED" | "SERVICE_UNAVAILABLE" | "INTERNAL_ERROR";
        /**
         * Format: date-time
         * @description UTC, whole seconds.
         */
        Timestamp: string;
        /** @description A payment was completed. */
        PaymentSuccess: {
            event_id: components["schemas"]["EventId"];
            /** @constant */
            event_type: "payment.success";
            user_id: components["schemas"]["UserId"];
            user_email: components["schemas"]["UserEmail"];
            booking_id: components["schemas"]["BookingId"];
            transaction_id: components["schemas"]["TransactionId"];
            amount: components["schemas"]["Amount"];
            payment_method: components["schemas"]["PaymentMethod"];
            timestamp: components["schemas"]["Timestamp"];
        };
        /** @description A payment failed, was voided or expired. Another attempt for the same booking may follow. */
        PaymentFailed: {
            event_id: components["schemas"]["EventId"];
            /** @constant */
            event_type: "payment.failed";
            user_id: components["schemas"]["UserId"];
            user_email: components["schemas"]["UserEmail"];
            booking_id: components["schemas"]["BookingId"];
            amount: components["schemas"]["Amount"];
            payment_method: components["schemas"]["PaymentMethod"];
            /** @description Why the payment failed, for people to read. */
            failure_reason: string;
            error_code: components["schemas"]["ErrorCode"];
            timestamp: components["schemas"]["Timestamp"];
        };
        /** @description A refund was completed. */
        PaymentRefund: {
            event_id: components["schemas"]["EventId"];
            /** @constant */
            event_type: "payment.refund";
            user_id: components["schemas"]["UserId"];
            user_email: components["schemas"]["UserEmail"];
            booking_id: components["schemas"]["BookingId"];
            original_transaction_id: components["schemas"]["TransactionId"];
            /** @description Identifies the refund. Starts with REF-. */
            refund_transaction_id: string;
            /** @description What was refunded, all or a part of the payment, in the currency of the payment. */
            refund_amount: number;
            /** @description As the caller wrote it. The provider's reason if the refund was made in the provider's dashboard. */
            reason: string;
            timestamp: components["schemas"]["Timestamp"];
        };
        /** @description A provider has reported a dispute, or a new status of one. Published only with PUBLISH_DISPUTES. */
        PaymentDispute: {
            event_id: components["schemas"]["EventId"];
            /** @constant */
            event_type: "payment.dispute";
            user_id: components["schemas"]["UserId"];
            user_email: components["schemas"]["UserEmail"];
            booking_id: components["schemas"]["BookingId"];
            transaction_id: components["schemas"]["TransactionId"];
            /** @description The provider's id of the dispute. */
            dispute_id: string;
            /** @enum {string} */
            provider: "stripe" | "paypal";
            /**
             * @description The provider's own word. New ones can appear.
             * @example needs_response
             * @example won
             * @example lost
             * @example WAITING_FOR_SELLER_RESPONSE
             * @example RESOLVED
             */
            status: string;
            /** @description The provider's own word. New ones can appear. */
            reason: string;
            /** @description What is disputed, in `currency`. */
            amount: number;
            /** @description ISO 4217. */
            currency: string;
            opened_at: components["schemas"]["Timestamp"];
            reported_at: components["schemas"]["Timestamp"];
            timestamp: components["schemas"]["Timestamp"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
