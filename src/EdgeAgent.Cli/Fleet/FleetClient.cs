using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EdgeAgent.Cli.CommandLine;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;
using Polly;
using Polly.Retry;

namespace EdgeAgent.Cli.Fleet;

/// <summary>The controller's REST API. Every failure is a <see cref="CommandException"/> of one line.</summary>
internal sealed class FleetClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly Uri _address;
    private readonly ResiliencePipeline<HttpResponseMessage> _reading;

    public FleetClient(Uri address, string? token, TimeProvider time)
    {
        _address = address;
        _http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };
        if (token is not null)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        _reading = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                // Only what may be repeated goes through here. A controller that refuses connections is not waited for.
                MaxRetryAttempts = 3,
                Delay = TimeSpan.FromMilliseconds(200),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder<HttpResponseMessage>()
                    .HandleResult(r => r.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout or HttpStatusCode.TooManyRequests),
            })
            .Build();
    }

    public Task CheckAsync(CancellationToken cancellation) => SendAsync(() => new HttpRequestMessage(HttpMethod.Get, FleetRoutes.Health), cancellation);

    public Task<IReadOnlyList<DeviceSummary>> DevicesAsync(CancellationToken cancellation) =>
        GetAsync(FleetRoutes.Devices, ContractsJson.Default.IReadOnlyListDeviceSummary, cancellation);

    public Task<EnrolmentToken> NewEnrolmentTokenAsync(EnrolmentTokenRequest request, CancellationToken cancellation) =>
        PostAsync(FleetRoutes.EnrolmentTokens, request, ContractsJson.Default.EnrolmentTokenRequest, ContractsJson.Default.EnrolmentToken, cancellation);

    public async Task TrustAsync(string publicKeyPem, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => Post(FleetRoutes.VerifyingKeys, new VerifyingKey(publicKeyPem), ContractsJson.Default.VerifyingKey), cancellation);
    }

    /// <param name="id">Id of the profile.</param>
    /// <param name="document">The profile as its file has it.</param>
    public async Task PutProfileAsync(string id, byte[] document, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Put, FleetRoutes.Profile(id)) { Content = Content(document, "application/json") }, cancellation);
    }

    public Task<IReadOnlyList<PackageSummary>> PackagesAsync(CancellationToken cancellation) =>
        GetAsync(FleetRoutes.Packages, ContractsJson.Default.IReadOnlyListPackageSummary, cancellation);

    /// <summary>Uploads the blobs that the controller lacks, then the envelope.</summary>
    public async Task<PackageSummary> UploadAsync(PackageDirectory package, CancellationToken cancellation)
    {
        foreach (var file in package.Manifest.Files)
        {
            var route = FleetRoutes.Blob(file.Digest);
            using (var known = await SendAsync(() => new HttpRequestMessage(HttpMethod.Head, route), cancellation, HttpStatusCode.NotFound))
                if (known.IsSuccessStatusCode)
                    continue;
            var content = await File.ReadAllBytesAsync(package.BlobPath(file.Digest), cancellation);
            using var put = await SendAsync(() => new HttpRequestMessage(HttpMethod.Put, route) { Content = Content(content, "application/octet-stream") }, cancellation);
        }
        return await PostAsync(FleetRoutes.Packages, package.Envelope, ContractsJson.Default.SignedEnvelope, ContractsJson.Default.PackageSummary, cancellation);
    }

    public Task<RolloutStatus> StartRolloutAsync(RolloutRequest request, CancellationToken cancellation) =>
        PostAsync(FleetRoutes.Rollouts, request, ContractsJson.Default.RolloutRequest, ContractsJson.Default.RolloutStatus, cancellation);

    public Task<IReadOnlyList<RolloutStatus>> RolloutsAsync(CancellationToken cancellation) =>
        GetAsync(FleetRoutes.Rollouts, ContractsJson.Default.IReadOnlyListRolloutStatus, cancellation);

    public Task<RolloutStatus> RolloutAsync(string id, CancellationToken cancellation) =>
        GetAsync(FleetRoutes.Rollout(Uri.EscapeDataString(id)), ContractsJson.Default.RolloutStatus, cancellation);

    /// <param name="id">The rollout.</param>
    /// <param name="action">pause, resume or abort.</param>
    public async Task<RolloutStatus> ActOnRolloutAsync(string id, string action, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Post, FleetRoutes.RolloutAction(Uri.EscapeDataString(id), action)), cancellation);
        return await ReadAsync(response, ContractsJson.Default.RolloutStatus, cancellation);
    }

    public Task<IReadOnlyList<StoredReport>> ReportsAsync(string? device, string? model, int limit, CancellationToken cancellation)
    {
        var query = Units.Text($"?limit={limit}");
        if (device is not null)
            query += $"&device={Uri.EscapeDataString(device)}";
        if (model is not null)
            query += $"&model={Uri.EscapeDataString(model)}";
        return GetAsync(FleetRoutes.Reports + query, ContractsJson.Default.IReadOnlyListStoredReport, cancellation);
    }

    /// <summary>The controller's cost models of a profile, fitted ones first.</summary>
    public Task<IReadOnlyList<CostModel>> CostModelsAsync(string profile, CancellationToken cancellation) =>
        GetAsync(FleetRoutes.CostModelsOf(Uri.EscapeDataString(profile)), ContractsJson.Default.IReadOnlyListCostModel, cancellation);

    public void Dispose() => _http.Dispose();

    private async Task<T> GetAsync<T>(string route, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Get, route), cancellation);
        return await ReadAsync(response, type, cancellation);
    }

    private async Task<TAnswer> PostAsync<T, TAnswer>(string route, T body, JsonTypeInfo<T> type, JsonTypeInfo<TAnswer> answer, CancellationToken cancellation)
    {
        using var response = await SendAsync(() => Post(route, body, type), cancellation);
        return await ReadAsync(response, answer, cancellation);
    }

    private static HttpRequestMessage Post<T>(string route, T body, JsonTypeInfo<T> type) => new(HttpMethod.Post, route) { Content = JsonContent.Create(body, type) };

    private static ByteArrayContent Content(byte[] bytes, string type) => new(bytes) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };

    /// <param name="request">Makes the request: a request can be sent once only.</param>
    /// <param name="allowed">A failure that the caller wants to see.</param>
    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> request, CancellationToken cancellation, HttpStatusCode? allowed = null)
    {
        HttpResponseMessage response;
        try
        {
            response = await _reading.ExecuteAsync(async token =>
            {
                using var message = request();
                return await _http.SendAsync(message, token);
            }, cancellation);
        }
        catch (HttpRequestException fault)
        {
            throw new CommandException($"controller {_address} cannot be reached ({Faults.OneLine(fault.Message)}); start edge-fleet, or give its address with --controller", fault);
        }
        catch (TaskCanceledException fault) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandException($"controller {_address} did not answer within {_http.Timeout.TotalSeconds:0} s; look at its log", fault);
        }
        if (response.IsSuccessStatusCode || response.StatusCode == allowed)
            return response;
        using (response)
            throw await FaultAsync(response, cancellation);
    }

    private async Task<CommandException> FaultAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
            return new CommandException($"controller {_address} refuses the token; give the administrator's with --token-file FILE, whose path edge-fleet prints");
        string? detail = null;
        try
        {
            using var problem = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellation));
            if (problem.RootElement.ValueKind == JsonValueKind.Object && problem.RootElement.TryGetProperty("detail", out var text))
                detail = text.GetString();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // No problem document: the status has to do.
        }
        return new CommandException($"controller {_address}: {Faults.OneLine(detail ?? $"{(int)response.StatusCode} {response.ReasonPhrase}")}");
    }

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        try
        {
            return await response.Content.ReadFromJsonAsync(type, cancellation)
                ?? throw new CommandException($"controller {_address} answered with nothing; is it an edge-fleet of this version?");
        }
        catch (JsonException fault)
        {
            throw new CommandException($"controller {_address} answered with something else than was asked for (at {fault.Path}); is it an edge-fleet of this version?", fault);
        }
    }
}
