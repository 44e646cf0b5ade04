using EdgeAgent.Fleet.Hosting;
using MQTTnet.Diagnostics.Logger;

namespace EdgeAgent.Fleet.Broker;

/// <summary>Takes the broker library's warnings and errors to the controller's log, where they are details of what devices do wrong.</summary>
internal sealed class BrokerLog(ILogger log) : IMqttNetLogger
{
    public bool IsEnabled => log.IsEnabled(LogLevel.Debug);

    public void Publish(MqttNetLogLevel logLevel, string source, string message, object[] parameters, Exception exception)
    {
        if (logLevel is MqttNetLogLevel.Warning or MqttNetLogLevel.Error && IsEnabled)
            log.Broker(parameters is { Length: > 0 } ? string.Format(System.Globalization.CultureInfo.InvariantCulture, message, parameters) : message, exception);
    }
}
