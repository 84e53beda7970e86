// The errors of this package, by what a caller can do about them.

/** A proof or a signature that does not hold: the provider lies, or the caller asked for another. */
export class VerificationError extends Error {
  constructor (code, message) {
    super(message);
    this.name = 'VerificationError';
    this.code = code;
  }
}

/** An error that the provider answered with. */
export class ApiError extends Error {
  constructor (status, code, details) {
    super(`the provider answers ${status} ${code}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** An answer that has not the form of the API's. */
export class AnswerError extends Error {
  constructor (message) {
    super(message);
    this.name = 'AnswerError';
  }
}

/** A signer that does not sign as the provider verifies. */
export class SignerError extends Error {
  constructor (message) {
    super(message);
    this.name = 'SignerError';
  }
}
