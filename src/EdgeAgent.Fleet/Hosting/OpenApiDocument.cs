using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace EdgeAgent.Fleet.Hosting;

/// <summary>Health, and the description of the REST API at <c>/openapi/v1.json</c>.</summary>
internal static class OpenApiDocument
{
    public static void MapHealth(this IEndpointRouteBuilder routes) =>
        routes.MapGet(FleetRoutes.Health, () => TypedResults.Text("ok\n")).AllowAnonymous().WithSummary("Answers when the controller serves.").WithTags("health");

    public static void Configure(OpenApiOptions options)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "EdgeAgent fleet controller";
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [AdminAuthentication.SchemeName] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = "bearer",
                    Description = "The administrator's token, from admin.token in the controller's data directory.",
                },
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (!context.Description.ActionDescriptor.EndpointMetadata.OfType<IAllowAnonymous>().Any())
                operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(AdminAuthentication.SchemeName, context.Document)] = [] }];
            return Task.CompletedTask;
        });
        // These have converters of their own, whose JSON the generator cannot know.
        options.AddSchemaTransformer((schema, context, _) =>
        {
            if (context.JsonTypeInfo.Type == typeof(DeviceId))
                (schema.Type, schema.Pattern) = (JsonSchemaType.String, "^[a-z0-9][a-z0-9._-]{0,63}$");
            else if (context.JsonTypeInfo.Type == typeof(Sha256Digest))
                (schema.Type, schema.Pattern) = (JsonSchemaType.String, "^sha256:[0-9a-f]{64}$");
            return Task.CompletedTask;
        });
    }
}
