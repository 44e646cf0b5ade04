using System.Net;
using System.Net.Sockets;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Fleet.Artifacts;
using EdgeAgent.Fleet.Broker;
using EdgeAgent.Fleet.Devices;
using EdgeAgent.Fleet.Recompression;
using EdgeAgent.Fleet.Reports;
using EdgeAgent.Fleet.Rollouts;
using EdgeAgent.Fleet.Storage;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.FileProviders;
using MQTTnet.AspNetCore;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>A running controller. Disposing it stops it; its data directory is then free for the next one.</summary>
internal sealed class FleetHost : IAsyncDisposable
{
    private const int DefaultMaxBodyBytes = 1 << 20;

    private readonly WebApplication _application;
    private readonly FleetStore _store;
    private readonly DataDirectory _data;

    private FleetHost(WebApplication application, FleetStore store, DataDirectory data, string url, int mqttPort, bool tls)
    {
        (_application, _store, _data) = (application, store, data);
        (Url, MqttPort, MqttIsTls) = (url, mqttPort, tls);
    }

    /// <summary>Base of the REST API, with the port that it really listens on.</summary>
    public string Url { get; }

    public int MqttPort { get; }

    public bool MqttIsTls { get; }

    public string AdminTokenFile => _data.AdminTokenFile;

    public Task WaitForShutdownAsync() => _application.WaitForShutdownAsync();

    /// <param name="options">How.</param>
    /// <param name="time">The clock of everything that expires or is dated.</param>
    /// <param name="logging">Says where log lines go.</param>
    /// <param name="cancellation">Ends the start.</param>
    /// <exception cref="FleetStartException">It cannot start; one line.</exception>
    public static async Task<FleetHost> StartAsync(FleetOptions options, TimeProvider time, Action<ILoggingBuilder> logging, CancellationToken cancellation = default)
    {
        var addresses = ListenAddresses.Of(options);
        var data = DataDirectory.Open(options.DataDirectory);
        FleetStore? store = null;
        try
        {
            var token = data.AdminToken();
            store = await FleetStore.OpenAsync(data.Database, cancellation);
            return await StartAsync(options, addresses, data, store, token, time, logging, cancellation);
        }
        catch
        {
            store?.Dispose();
            data.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
        _store.Dispose();
        _data.Dispose();
    }

    private static async Task<FleetHost> StartAsync(
        FleetOptions options, ListenAddresses addresses, DataDirectory data, FleetStore store, string token, TimeProvider time, Action<ILoggingBuilder> logging, CancellationToken cancellation)
    {
        ListenOptions? http = null, mqtt = null;
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = data.Path });
        builder.Environment.ContentRootFileProvider = new NullFileProvider();
        builder.Logging.ClearProviders();
        logging(builder.Logging);
        var started = false;
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning)
            .AddFilter("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None)
            // Why a start fails is told once, in one line.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", level => started && level >= LogLevel.Warning);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = DefaultMaxBodyBytes;
            kestrel.Listen(addresses.Http, listen =>
            {
                http = listen;
                if (addresses.HttpIsTls)
                    UseTls(listen, addresses);
            });
            kestrel.Listen(addresses.Mqtt, listen =>
            {
                mqtt = listen;
                listen.Protocols = HttpProtocols.Http1;
                if (addresses.MqttIsTls)
                    UseTls(listen, addresses);
                listen.UsePacketSizeLimit(listen.ApplicationServices.GetRequiredService<ILogger<BrokerServer>>());
                listen.UseMqtt();
            });
        });
        AddServices(builder.Services, options, addresses, data, store, token, time);

        var application = builder.Build();
        try
        {
            Map(application);
            if (options.ProfilesDirectory is { } profiles)
                await application.Services.GetRequiredService<ProfileCatalogue>().LoadAsync(profiles, cancellation);
            await application.StartAsync(cancellation);
            started = true;
        }
        catch (Exception e)
        {
            await application.DisposeAsync();
            throw e is IOException or SocketException ? PortTaken(addresses, e) : e;
        }
        application.Services.GetRequiredService<BrokerEndPoint>().Port = mqtt!.IPEndPoint!.Port;
        var url = $"{(addresses.HttpIsTls ? "https" : "http")}://{http!.IPEndPoint}";
        return new FleetHost(application, store, data, url, mqtt.IPEndPoint.Port, addresses.MqttIsTls);
    }

    private static void UseTls(ListenOptions listen, ListenAddresses addresses) => listen.UseHttps(tls =>
    {
        tls.ServerCertificate = addresses.Certificate;
        tls.ServerCertificateChain = addresses.Chain;
    });

    private static void AddServices(
        IServiceCollection services, FleetOptions options, ListenAddresses addresses, DataDirectory data, FleetStore store, string token, TimeProvider time)
    {
        services.ConfigureHttpJsonOptions(json =>
        {
            var serializer = json.SerializerOptions;
            serializer.TypeInfoResolverChain.Insert(0, ContractsJson.Default);
            // A resolver does not bring the options it was generated with: they are the same ones here.
            serializer.DefaultIgnoreCondition = ContractsJson.Default.Options.DefaultIgnoreCondition;
            serializer.RespectNullableAnnotations = ContractsJson.Default.Options.RespectNullableAnnotations;
            serializer.MaxDepth = ContractsJson.Default.Options.MaxDepth;
        });
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddProblemDetails();
        services.AddExceptionHandler<RefusalHandler>();
        services.AddOpenApi(OpenApiDocument.Configure);
        // Not AddAuthentication: it brings data protection, which writes keys into the home directory that nothing here needs.
        services.AddAuthenticationCore(authentication =>
        {
            authentication.DefaultScheme = AdminAuthentication.SchemeName;
            authentication.AddScheme<AdminAuthentication>(AdminAuthentication.SchemeName, null);
        }).AddWebEncoders();
        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder(AdminAuthentication.SchemeName).RequireAuthenticatedUser().Build());

        services.AddSingleton(options).AddSingleton(time).AddSingleton(store).AddSingleton(new AdminToken(token));
        var topics = new TopicSchema(options.TopicRoot);
        services.AddSingleton(topics).AddSingleton(new BrokerEndPoint(options, addresses.MqttIsTls, topics));
        services.AddSingleton<MqttConnectionHandler>().AddSingleton<DeviceInbox>().AddSingleton<DeviceOutbox>().AddSingleton<BrokerServer>();
        services.AddSingleton<DeviceSecrets>().AddSingleton<Enrolment>().AddSingleton<DeviceStates>().AddSingleton<VerifyingKeys>().AddSingleton<ProfileCatalogue>();
        services.AddSingleton(new BlobStore(data.Blobs)).AddSingleton(new DownloadLeases(options.MaxDownloads, time)).AddSingleton<BlobService>().AddSingleton<PackageStore>();
        services.AddSingleton<RolloutBook>().AddSingleton<RolloutProgress>().AddSingleton<WaveRunner>().AddSingleton<LateJoiners>().AddSingleton<StudentSelection>().AddSingleton<DesiredStates>();
        services.AddSingleton<ReportIntake>().AddSingleton<CostModelRefit>();

        // Started in this order and before the ports are opened: no device meets a controller that has forgotten it.
        services.AddHostedService(s => s.GetRequiredService<BrokerServer>());
        services.AddHostedService<Recovery>();
        services.AddHostedService(s => s.GetRequiredService<CostModelRefit>());
    }

    private static void Map(WebApplication application)
    {
        application.UseExceptionHandler();
        application.UseStatusCodePages();
        application.UseAuthentication();
        application.UseAuthorization();
        application.MapOpenApi().AllowAnonymous();
        application.MapHealth();
        application.MapDevices();
        application.MapArtifacts();
        application.MapRollouts();
        application.MapReports();
        application.MapCostModels();
    }

    private static FleetStartException PortTaken(ListenAddresses addresses, Exception e)
    {
        var where = addresses.Http.Port == 0 ? addresses.Mqtt.ToString()
            : addresses.Mqtt.Port == 0 ? addresses.Http.ToString()
            : $"{addresses.Http} or {addresses.Mqtt}";
        return new FleetStartException($"cannot listen on {where} ({e.Message.ReplaceLineEndings(" ")}); choose another port with --urls or --mqtt-port, 0 for a free one");
    }
}
