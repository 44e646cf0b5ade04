using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Fleet;
using EdgeAgent.Contracts.Json;

namespace EdgeAgent.SystemTests.Fleet;

/// <summary>Tries the REST API without a token, with bad documents and with bad packages.</summary>
public sealed class RestAccessTests
{
    private static CancellationToken Cancellation => TestFleet.Cancellation;

    [Fact]
    public async Task Api_WithoutTheToken_IsClosedExceptForHealthAndEnrolment()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var document = JsonDocument.Parse(await fleet.Anybody.GetStringAsync("/openapi/v1.json", Cancellation));
        var tried = 0;
        foreach (var path in document.RootElement.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject().Where(o => o.NameEquals("get") || o.NameEquals("put") || o.NameEquals("post") || o.NameEquals("delete") || o.NameEquals("head")))
            {
                var isOpen = path.Name is FleetRoutes.Health or FleetRoutes.Enrol;
                Assert.Equal(!isOpen, operation.Value.TryGetProperty("security", out _));
                if (isOpen)
                    continue;
                foreach (var authorization in new[] { null, "Bearer wrong", "Bearer ", "Basic YWRtaW46YWRtaW4=" })
                {
                    using var request = new HttpRequestMessage(new HttpMethod(operation.Name.ToUpperInvariant()), path.Name.Replace("{", "").Replace("}", ""));
                    if (authorization is not null)
                        request.Headers.TryAddWithoutValidation("Authorization", authorization);
                    using var answer = await fleet.Anybody.SendAsync(request, Cancellation);
                    Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{operation.Name} {path.Name}: {answer.StatusCode}");
                    tried++;
                }
            }
        }
        Assert.True(tried >= 60, $"the document names {tried / 4} closed operations only");
    }

    [Fact]
    public async Task Health_IsOpen()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var answer = await fleet.Anybody.GetAsync(FleetRoutes.Health, Cancellation);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task AdminTokenFile_IsForTheOwnerOnly()
    {
        await using var fleet = await TestFleet.StartAsync();
        if (OperatingSystem.IsWindows())
            Assert.Skip("there are no Unix modes");
        else
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(fleet.DataDirectory, "admin.token")));
    }

    [Theory]
    [InlineData("../admin.token")]
    [InlineData("..%2fadmin.token")]
    [InlineData("%2e%2e%2fadmin.token")]
    [InlineData("sha256:..%2f..%2fadmin.token")]
    [InlineData("sha256:ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789")]
    [InlineData("sha256:00")]
    public async Task BlobPath_ThatIsNoDigest_LeadsNowhere(string path)
    {
        await using var fleet = await TestFleet.StartAsync();
        var token = await File.ReadAllTextAsync(Path.Combine(fleet.DataDirectory, "admin.token"), Cancellation);
        // On a socket: an HTTP client would tidy the path up.
        using var socket = new TcpClient();
        var url = new Uri(fleet.Url);
        await socket.ConnectAsync(IPAddress.Loopback, url.Port, Cancellation);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"PUT /api/blobs/{path} HTTP/1.1\r\nHost: {url.Authority}\r\nAuthorization: Bearer {token.Trim()}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"), Cancellation);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var answer = await reader.ReadToEndAsync(Cancellation);
        Assert.Matches(@"\AHTTP/1\.1 (400|404|405) ", answer);
        Assert.Equal(token, await File.ReadAllTextAsync(Path.Combine(fleet.DataDirectory, "admin.token"), Cancellation));
        Assert.Empty(Directory.GetFiles(Path.Combine(fleet.DataDirectory, "blobs"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Blob_WithAnotherDigest_IsRefusedAndNothingIsStored()
    {
        await using var fleet = await TestFleet.StartAsync();
        var digest = Sha256Digest.Of("right"u8);
        using (var answer = await fleet.PutBlobAsync(digest, "wrong"u8.ToArray()))
        {
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Contains(digest.ToString(), await TestFleet.DetailAsync(answer));
        }
        Assert.Empty(Directory.GetFiles(Path.Combine(fleet.DataDirectory, "blobs"), "*", SearchOption.AllDirectories));
        using var head = await fleet.Admin.SendAsync(new HttpRequestMessage(HttpMethod.Head, FleetRoutes.Blob(digest)), Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, head.StatusCode);
    }

    [Fact]
    public async Task Blob_UploadedTwiceAtOnce_IsStoredOnce()
    {
        await using var fleet = await TestFleet.StartAsync();
        var bytes = RandomNumberGenerator.GetBytes(3_000_001);
        var digest = Sha256Digest.Of(bytes);
        var statuses = await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            using var answer = await fleet.PutBlobAsync(digest, bytes);
            return answer.StatusCode;
        }));
        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.NoContent, status));
        var file = Assert.Single(Directory.GetFiles(Path.Combine(fleet.DataDirectory, "blobs"), "*", SearchOption.AllDirectories));
        Assert.Equal(digest, Sha256Digest.OfFile(file));
    }

    [Fact]
    public async Task Blob_ThatClaimsToBeTooLarge_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Put, FleetRoutes.Blob(Sha256Digest.Of("x"u8))) { Content = new ByteArrayContent([1]) };
        request.Content.Headers.ContentLength = PackageLimits.MaxFileBytes + 1;
        request.Headers.ExpectContinue = true;
        using var answer = await fleet.Admin.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task Package_OfAnUnknownKey_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using TestPackages trusted = new(), foreign = new();
        await fleet.UploadAsync(trusted.Create("small"));
        var package = foreign.Create("small");
        await AssertRefusedAsync(fleet, package.Envelope, HttpStatusCode.BadRequest, "no signature by a trusted key");
    }

    [Fact]
    public async Task Package_WithAChangedByte_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small");
        await fleet.UploadAsync(package);
        var payload = package.Envelope.Payload.ToArray();
        payload[payload.AsSpan().IndexOf("\"version\":1"u8) + 10] = (byte)'2';
        await AssertRefusedAsync(fleet, package.Envelope with { Payload = payload }, HttpStatusCode.BadRequest, "does not fit the bytes");
    }

    [Fact]
    public async Task Package_WithoutSignatures_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small");
        await fleet.UploadAsync(package);
        await AssertRefusedAsync(fleet, package.Envelope with { Signatures = [] }, HttpStatusCode.BadRequest, "no signature by a trusted key");
    }

    [Fact]
    public async Task Package_ThatHasExpired_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await fleet.UploadAsync(packages.Create("small"));
        var expired = packages.Create("small", expires: TimeProvider.System.GetUtcNow().AddSeconds(-1));
        await AssertRefusedAsync(fleet, expired.Envelope, HttpStatusCode.BadRequest, "expired");
    }

    [Fact]
    public async Task Package_WithoutItsBlobs_IsRefusedByTheMissingFile()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        await fleet.UploadAsync(packages.Create("small"));
        await AssertRefusedAsync(fleet, packages.Create("large", planBytes: 5000).Envelope, HttpStatusCode.Conflict, "upload it to /api/blobs/sha256:");
    }

    [Fact]
    public async Task Package_UploadedTwice_IsThereOnce()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var packages = new TestPackages();
        var package = packages.Create("small");
        Assert.Equal(await fleet.UploadAsync(package), await fleet.UploadAsync(package));
        Assert.Equal(package.Digest, Assert.Single(await fleet.GetAsync(FleetRoutes.Packages, ContractsJson.Default.IReadOnlyListPackageSummary)).Digest);
    }

    [Fact]
    public async Task VerifyingKey_ThatIsPrivate_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var signer = PackageSigner.Create();
        using var answer = await fleet.Admin.PostAsync(FleetRoutes.VerifyingKeys, JsonContent.Create(new VerifyingKey(signer.ExportPrivateKeyPem()), ContractsJson.Default.VerifyingKey), Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("must not leave its machine", await TestFleet.DetailAsync(answer));
    }

    [Fact]
    public async Task Profile_ThatBreaksTheSchema_IsRefusedByJsonPath()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var answer = await fleet.Admin.PutAsync(FleetRoutes.Profile("x"), new StringContent("{\"schema\":1,\"id\":\"x\",\"nix\":1}", new MediaTypeHeaderValue("application/json")), Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("$", await TestFleet.DetailAsync(answer));
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("{}")]
    [InlineData("{\"model\":null}")]
    [InlineData("{\"model\":\"cifar\",\"waves\":[1,1]}")]
    [InlineData("{\"model\":\"cifar\",\"waves\":[0.1]}")]
    [InlineData("{\"model\":\"cifar\",\"maxFailureShare\":2}")]
    [InlineData("{\"model\":\"nothing-of-the-kind\"}")]
    [InlineData("{\"model\":\"../x\"}")]
    [InlineData("{\"model\":\"cifar\",\"devices\":[\"Not An Id\"]}")]
    public async Task Rollout_ThatMakesNoSense_IsRefusedWithOneLine(string body)
    {
        await using var fleet = await TestFleet.StartAsync();
        using var content = new StringContent(body, new MediaTypeHeaderValue("application/json"));
        using var answer = await fleet.Admin.PostAsync(FleetRoutes.Rollouts, content, Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.NotEmpty(await TestFleet.DetailAsync(answer));
    }

    [Fact]
    public async Task Body_LargerThanTheEndpointTakes_IsRefused()
    {
        await using var fleet = await TestFleet.StartAsync();
        using var content = new ByteArrayContent(new byte[2 << 20]) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var answer = await fleet.Anybody.PostAsync(FleetRoutes.Enrol, content, Cancellation);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    private static async Task AssertRefusedAsync(TestFleet fleet, SignedEnvelope envelope, HttpStatusCode status, string detail)
    {
        using var answer = await fleet.Admin.PostAsync(FleetRoutes.Packages, JsonContent.Create(envelope, ContractsJson.Default.SignedEnvelope), Cancellation);
        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(detail, await TestFleet.DetailAsync(answer));
    }
}
