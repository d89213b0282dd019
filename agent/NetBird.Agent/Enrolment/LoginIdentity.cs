namespace NetBird.Agent.Enrolment;

/// <summary>What an enrolment is made on.</summary>
internal abstract record LoginIdentity(string Secret)
{
    /// <summary>An ID token of the account's issuer.</summary>
    internal sealed record IdToken(string Token) : LoginIdentity(Token)
    {
        public override string ToString() => "ID token";
    }

    /// <summary>A setup key, for machines without a person.</summary>
    internal sealed record SetupKey(string Key) : LoginIdentity(Key)
    {
        public override string ToString() => "setup key";
    }
}
