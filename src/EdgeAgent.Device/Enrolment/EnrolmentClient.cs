using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using Polly;
using Polly.Retry;

namespace EdgeAgent.Device.Enrolment;

/// <summary>Claims the device's id from the controller, once, with an enrolment token.</summary>
internal static class EnrolmentClient
{
    private const int MaxAnswerBytes = 1 << 20;

    /// <param name="controller">Base address; plain http on loopback only.</param>
    /// <param name="request">The claim.</param>
    /// <param name="caPem">Authority that the controller's certificate must come from, or null for the system's.</param>
    /// <param name="time">Paces the retries.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <exception cref="AgentException">One line: not there, wrong token, id taken.</exception>
    public static async Task<EnrolmentResponse> EnrolAsync(Uri controller, EnrolmentRequest request, string? caPem, TimeProvider time, CancellationToken cancellation)
    {
        if (controller.Scheme != Uri.UriSchemeHttps && !controller.IsLoopback)
            throw new AgentException($"controller {controller} is neither https nor on this machine; the enrolment token is not sent in the clear: use https, with --ca for a private authority");

        var retry = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = 3,
                Delay = TimeSpan.FromMilliseconds(300),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = args => ValueTask.FromResult(args.Outcome.Exception is HttpRequestException || args.Outcome.Result?.StatusCode >= HttpStatusCode.InternalServerError),
            })
            .Build();
        using var client = new HttpClient(CreateHandler(caPem)) { BaseAddress = controller, Timeout = TimeSpan.FromSeconds(30), MaxResponseContentBufferSize = MaxAnswerBytes };
        try
        {
            using var response = await retry.ExecuteAsync(
                async token => await client.PostAsJsonAsync(FleetRoutes.Enrol, request, ContractsJson.Default.EnrolmentRequest, token), cancellation);
            return response.StatusCode switch
            {
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => throw new AgentException($"controller {controller} does not accept the enrolment token; ask for a new one with 'edgectl devices token' and give it with --enrol-token"),
                HttpStatusCode.Conflict => throw new AgentException($"device id '{request.Device}' is already enrolled at {controller}; choose another --device, or start with the --state folder that holds its secret"),
                _ when !response.IsSuccessStatusCode => throw new AgentException($"controller {controller} refused the enrolment of '{request.Device}' ({(int)response.StatusCode}: {await DetailAsync(response, cancellation)})"),
                _ => await response.Content.ReadFromJsonAsync(ContractsJson.Default.EnrolmentResponse, cancellation)
                    ?? throw new JsonException(),
            };
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new AgentException($"controller {controller} is not there ({Innermost(e)}); check --controller, and that edge-fleet runs", e);
        }
        catch (JsonException e)
        {
            throw new AgentException($"{controller} did not answer like a controller; check --controller", e);
        }
    }

    /// <summary>TLS validation against one authority instead of the system's.</summary>
    public static bool IsIssuedBy(X509Certificate2Collection authorities, X509Certificate? certificate, SslPolicyErrors errors)
    {
        if (certificate is null || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build((X509Certificate2)certificate);
    }

    /// <exception cref="AgentException">The text holds no certificate.</exception>
    public static X509Certificate2Collection ReadAuthorities(string pem)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(pem);
        }
        catch (CryptographicException)
        {
            authorities.Clear();
        }
        return authorities.Count > 0 ? authorities : throw new AgentException("the file of --ca holds no certificate in PEM; give the authority that signed the controller's certificate");
    }

    private static SocketsHttpHandler CreateHandler(string? caPem)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10) };
        if (caPem is not null)
        {
            var authorities = ReadAuthorities(caPem);
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsIssuedBy(authorities, certificate, errors);
        }
        return handler;
    }

    private static async Task<string> DetailAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var text = await response.Content.ReadAsStringAsync(cancellation);
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("detail", out var detail) && detail.ValueKind == JsonValueKind.String)
                text = detail.GetString()!;
        }
        catch (JsonException)
        {
            // Not a problem document: its beginning is shown as it is.
        }
        text = text.ReplaceLineEndings(" ");
        return text.Length <= 200 ? text : text[..200];
    }

    private static string Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
            e = inner;
        return e.Message.ReplaceLineEndings(" ");
    }
}
